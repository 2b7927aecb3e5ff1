WIFI = "the board's own"
