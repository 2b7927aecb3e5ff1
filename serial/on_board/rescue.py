# For an interpreter in which bootstrap.py or base.py does not get through: one whose memory is full
# while its collector is off, or that has something else by the name of a module.
try:
    import gc as _uota
    _uota.enable()
    _uota.collect()
except:
    pass
try:
    import usys as _uota
except:
    import sys as _uota
try:
    for _uota_name in ("builtins", "usys", "sys", "gc"):
        _uota.modules.pop(_uota_name, None)
except:
    pass
