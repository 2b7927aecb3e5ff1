WIFI = "to be filled in on each board"
