print("wbstress")
