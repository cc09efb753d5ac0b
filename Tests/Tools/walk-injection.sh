# SPDX-License-Identifier: Apache-2.0
# Walks through a trial on this machine, failing each call of the harness in turn (Sources/StressKit/Core/Base/
# CallFailures.swift), and says what each failure did. InjectionTests runs it in a guest, in busybox's shell.
#
#   walk EVERY MOST [traced|untraced [SITES]]
#
# Every EVERY-th of the failures, MOST of them at most; `traced`: of those that only a trial with a trace makes, which
# takes six times as long to run. SITES: an expression of grep(1), for those of them alone that it finds.
#
# WBSTRESS is the program, a debug build; `state` prints what a run must leave as it was.

# $1: whether there is a trace.
profile() {
  cat > /walk.yaml <<END
limits: {memory.max: 192MiB, memory.swap.max: 32MiB}
pinned: [{name: db, size: 2MiB}]
streams: [{name: backup, block: 64KiB, size: 256KiB, fsync: end}]
tasks: [{name: probe, do: probe, every: 20ms, rounds: 2}]
timeline: [{at: 10ms, delay: 3ms, limits: {memory.high: 160MiB}, sysctl: {vm.dirty_ratio: 30}}]
device: {size: 32MiB, delay: 2ms}
kernel: {sysctl: {vm.dirty_ratio: 25}, lru_gen: off}
machine: {swap: 8MiB}
observe: {fast: 100ms, interval: 1s, trace: $1}
duration: 300ms
expect: {oom_kill: 0}
END
}
SEED=2

# One run; $1: what fails.
trial() {
  rm -rf /scratch/walk /list*; rmdir /var/lib/wbstress /var/lib /var 2>/dev/null
  WBSTRESS_FAIL="$1" WBSTRESS_FAIL_LIST=/list timeout -s KILL 90 $WBSTRESS run /walk.yaml \
    --loop /scratch/images --trials 1 --seed $SEED --output /scratch/walk >/text 2>&1
  code=$?
}

# What is to fail, one a line: [ROLE:]NUMBER:ERRNO:SITE. At each site the first call and the last; sites that differ
# only in which cgroup, setting or attribute they read count as one. Those in /without are left out.
plan() {
  touch /without
  for list in /list /list.*; do
    [ -e $list ] || continue
    role=${list#/list}; role=${role#.}
    awk -F'\t' -v role="$role" '
      function coarse(key) {
        gsub(/\/sys\/fs\/cgroup\/wbstress(\/[a-z]+)?\//, "CGROUP/", key)
        gsub(/cgroup wbstress(\/[a-z]+)?\t/, "cgroup\t", key)
        if (key ~ /\t(open|read|pread|inotify_add_watch)$/) {
          sub(/\/proc\/sys\/vm\/[a-z_-]+/, "/proc/sys/vm/*", key)
          sub(/\/sys\/kernel\/mm\/[a-z_\/]+/, "/sys/kernel/mm/*", key)
          sub(/(queue|bdi\/#:#)\/[a-z_]+/, "*", key)
          sub(/(CGROUP|cgroup\/)\/(memory|io|cpu|cpuset)\.(zswap\.|swap\.|oom\.)?[a-z]+/, "CGROUP/*", key)
          sub(/(memory|io|cpu)\.pressure/, "*.pressure", key)
          sub(/pressure\/(memory|io|cpu)/, "pressure/*", key)
          sub(/memory\.events(\.local)?|cgroup\.events/, "*.events", key)
        }
        gsub(/(mk(fs\.ext#|swap)|\/walk|\/db|\/backup|\/probe)/, "*", key)
        gsub(/[a-z_#]+\/[a-z_]+\//, "*/*/", key)
        sub(/append [pr]#?:.*/, "append", key); sub(/append -:.*/, "append -", key)
        return key
      }
      BEGIN { while ((getline line < "/without") > 0) { split(line, parts, "\t")
          without[parts[1] "\t" parts[2]] = 1 } }
      { site = $1 "\t" $2; key = coarse(site); count[site]++
        if (site in without) next
        if (!(key in first)) { order[++keys] = key; first[key] = site }
        last[key] = site; at[key] = count[site]; total[key]++ }
      END { for (i = 1; i <= keys; i++) { key = order[i]
          print role "\t1\t" first[key]
          if (total[key] > 1) print role "\t" at[key] "\t" last[key] } }' $list
  done | awk -F'\t' 'BEGIN { n = split("EIO ENOSPC ENOMEM EACCES EBUSY", errno, " ") }
    { print ($1 == "" ? "" : $1 ":") $2 ":" errno[(NR - 1) % n + 1] ":" $3 "\t" $4 }'
}

# What a record says of its end, and of what went wrong on the way.
told() {
  grep -hE '"type":"(end|note|pin|trace|trace-start|announce|outage)"' /scratch/walk/trials/1-1/record.jsonl 2>/dev/null
}

walk() {
  state > /before
  profile off
  if [ "$3" = traced ]; then trial ""; cat /list* > /without; profile on; fi
  time=$(date +%s); trial ""
  echo "WALK listed code $code, $(cat /list* | wc -l) calls, $(($(date +%s) - time)) s"
  told | cut -c1-300
  state > /after; diff /before /after && echo "WALK same"
  # What sets up and takes down first, what only looks after it.
  plan > /all
  looks='	(open|read|pread|access|inotify_add_watch|stat|statx|opendir)$'
  { grep -vE "$looks" /all; grep -E "$looks" /all; } | grep -E "${4:-.}" > /plan
  echo "WALK planned $(wc -l < /plan)"
  awk "NR % $1 == 0" /plan | head -n $2 > /chosen
  number=0
  while IFS= read -r failure; do
    number=$((number + 1))
    time=$(date +%s); trial "$failure"
    # Object, operation, errno, and what the call says of its failure.
    hit=$(cat /list* 2>/dev/null | awk -F'\t' '$3 != ""' | wc -l)
    waiver=$(cat /list* 2>/dev/null | awk -F'\t' '$3 != "" { print $4; exit }')
    state > /after
    if diff /before /after > /changed; then same=same; else same=changed; fi
    journal=$(ls /var/lib/wbstress 2>/dev/null | wc -l)
    echo "INJECT $same $code $hit $journal $(($(date +%s) - time)) $failure"
    [ -z "$waiver" ] || echo "WAIVED $waiver"
    { grep -E "E[A-Z]{2,}|[Nn]ote|wrong|take-down" /text | head -n 6; told | head -n 12; } \
      | cut -c1-500 | sed 's/^/> /'
    if [ $same = changed ] || [ $journal != 0 ]; then
      sed 's/^/! /' /changed
      $WBSTRESS clean 2>&1 | head -n 20 | sed 's/^/c /'
      state > /after; diff /before /after > /changed && echo "CLEAN" || sed 's/^/x /' /changed
    fi
  done < /chosen
  echo "WALK end $number"
}
