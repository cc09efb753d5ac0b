#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a page that `wbstress report --format html` made in headless Chromium and uses it as a reader does.

check-page.py PAGE        exits with 0, or with 1 and one line for each fault
"""

import base64
import json
import pathlib
import sys

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHARTS = ["phases", "memory", "dirty", "pressure", "throughput", "stalls", "heat", "axis"]
faults = []


def expect(holds, what):
    if not holds:
        faults.append(what)


def browser():
    options = Options()
    for flag in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"]:
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


class Page:
    def __init__(self, driver, path):
        self.driver = driver
        self.address = pathlib.Path(path).resolve().as_uri()
        driver.get(self.address)
        self.data = json.loads(self.script("return document.getElementById('data').textContent"))

    def script(self, text, *values):
        return self.driver.execute_script(text, *values)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def charts(self):
        """Of each chart how much is drawn: the length of all paths, and the number of other shapes."""
        return self.script(
            """const all = {};
            for (const figure of document.querySelectorAll('figure[data-chart]')) {
              const paths = [...figure.querySelectorAll('.plot .line')];
              all[figure.dataset.chart] = paths.reduce((sum, path) => sum + path.getTotalLength(), 0)
                + figure.querySelectorAll('.plot rect:not(.frame), .plot text').length;
            }
            return all;"""
        )

    def paths(self):
        return self.script(
            "return [...document.querySelectorAll('.plot .line')].map(path => path.getAttribute('d')).join()"
        )

    def readout(self):
        return self.one("#readout").text

    def time(self):
        return float(self.readout().split(" s")[0]) * 1e6

    def ticks(self):
        return self.script(
            "return [...document.querySelectorAll('[data-chart=axis] text')].map(text => text.textContent)"
        )

    def selected(self):
        """The data of the trial that is shown, and its cell's number from 0."""
        cell = int(self.one("#cell").get_attribute("value"))
        trial = int(self.one("#number").get_attribute("value"))
        return cell, self.data["cells"][cell]["trials"][trial]


def decoded(one):
    last, low = 0, []
    for delta in one["low"]:
        if delta is not None:
            last += delta
        low.append(None if delta is None else last)
    height = one.get("height", [0] * len(low))
    return low, [None if v is None else v + h for v, h in zip(low, height)]


def size_text(kib):
    if abs(kib) < 1024:
        return f"{kib} KiB"
    return f"{kib / 1024:.1f} MiB"


def range_text(low, high):
    return size_text(low) if low == high else f"{size_text(low)} to {size_text(high)}"


def check_charts(page):
    drawn = page.charts()
    for name in CHARTS:
        expect(drawn.get(name, 0) > 0, f"chart {name} is missing or empty: {drawn}")
    small = page.script(
        """return [...document.querySelectorAll('body *')].filter(node => node.checkVisibility()
          && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())
          && parseFloat(getComputedStyle(node).fontSize) < 11).map(node => node.outerHTML.slice(0, 80))"""
    )
    expect(not small, f"text smaller than 11 px: {small[:3]}")


def check_hover(page):
    plot = page.one("[data-chart=memory] .plot")
    page.script("arguments[0].scrollIntoView({block: 'center'})", plot)
    before = plot.rect
    ActionChains(page.driver).move_to_element_with_offset(plot, 40, 0).perform()
    _, trial = page.selected()
    one = trial["time"]["charts"]["memory"][0]
    low, high = decoded(one)
    time = page.time()
    # The cursor is told to the millisecond: the bin may be the one beside it.
    bins = {int((time + off - one["from"]) // one["step"]) for off in (-500, 0, 500)}
    texts = {range_text(low[b], high[b]) for b in bins}
    told = page.one(f"[data-chart=memory] .v[data-series='{one['name']}']").text
    expect(told in texts, f"hover tells {told} and the data {texts}")
    expect(plot.rect == before, "the charts move while values are read")


def check_zoom(page):
    whole = page.ticks()
    plot = page.one("[data-chart=memory] .plot")
    actions = ActionChains(page.driver)
    actions.move_to_element_with_offset(plot, -100, 0).click_and_hold()
    actions.move_by_offset(150, 0).release().perform()
    zoomed = page.ticks()
    expect(zoomed != whole and zoomed, f"dragging does not change the axis: {whole}")
    body = page.one("body")
    body.send_keys("+")
    expect(page.ticks() != zoomed, "+ does not change the axis")
    body.send_keys("0")
    expect(page.ticks() == whole, "0 does not show the whole trial")


def check_keys(page):
    page.one("#plots").send_keys(Keys.HOME)
    first = page.time()
    page.one("#plots").send_keys(Keys.ARROW_RIGHT)
    expect(page.time() > first, "the arrow does not move the cursor")
    page.one("body").send_keys("?")
    expect(page.one("#help").is_displayed(), "? shows no help")
    page.one("#help button").click()
    expect(not page.one("#help").is_displayed(), "the help stays")


def check_selection(page):
    before, paths = page.selected(), page.paths()
    page.one("body").send_keys("n")
    if page.selected() == before:
        page.one("body").send_keys("p")
    expect(page.selected() != before, "n and p select no other trial")
    expect(page.paths() != paths, "another trial has the same charts")
    button = page.driver.find_elements(By.CSS_SELECTOR, ".t")[0]
    button.send_keys(Keys.ENTER)
    cell, trial = page.selected()
    expect((cell, trial["n"]) == (0, 1), "Enter on a trial does not select it")
    expect(button.get_attribute("aria-pressed") == "true", "the selected trial is not marked")
    page.script("arguments[0].focus({focusVisible: true})", button)
    button.send_keys("n")
    expect(page.selected()[1] is not trial, "n does nothing while a trial has the focus")
    outline = page.script("return getComputedStyle(arguments[0]).outlineStyle", button)
    expect(outline != "none", "focus cannot be seen")


def check_themes(page):
    grounds = set()
    for scheme in ("light", "dark"):
        page.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        grounds.add(page.script("return getComputedStyle(document.body).backgroundColor"))
    expect(len(grounds) == 2, f"light and dark are the same: {grounds}")
    page.one("#theme").click()
    light = page.script("return getComputedStyle(document.body).backgroundColor")
    expect(light == "rgb(255, 255, 255)", f"the toggle does not make it light: {light}")


def check_phone(page):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    page.script("window.dispatchEvent(new Event('resize'))")
    for node in page.driver.find_elements(By.CSS_SELECTOR, "details:not([open]) > summary"):
        page.script("arguments[0].parentNode.open = true", node)
    width = page.script("return document.documentElement.scrollWidth")
    expect(width <= 360, f"at 360 px the page is {width} px wide")
    expect(page.charts().get("memory", 0) > 0, "no chart at 360 px")
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def check_print(page):
    paper = page.driver.execute_cdp_cmd("Page.printToPDF", {})["data"]
    expect(len(base64.b64decode(paper)) > 20_000, "the print is empty")


def check_safety(page):
    logged = [one["message"] for one in page.driver.get_log("browser")]
    expect(not logged, f"console: {logged[:3]}")
    requests = []
    for entry in page.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            requests.append(message["params"]["request"]["url"])
    others = [url for url in requests if url.split("#")[0] != page.address]
    expect(not others, f"requests: {others}")
    # What hostile names would have made.
    foreign = page.script("return document.querySelectorAll('img, iframe, object, link, base').length")
    expect(foreign == 0 and not page.script("return window.hostile"), "a name became an element or ran")
    expect(page.script("return document.scripts.length") == 2, "there are other scripts")


def main():
    driver = browser()
    try:
        page = Page(driver, sys.argv[1])
        for check in (check_charts, check_hover, check_zoom, check_keys, check_selection, check_themes,
                      check_phone, check_print, check_safety):
            try:
                check(page)
            except Exception as error:  # what cannot be done is a fault as any other
                faults.append(f"{check.__name__}: {type(error).__name__}: {str(error).splitlines()[0]}")
    finally:
        driver.quit()
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
