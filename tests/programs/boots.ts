/** What people write into boot.py, and files that they put beside it. */
import type { Boot } from "./program.ts";

function fake(module: string, source: string): Boot {
  return { source: "", files: { [`${module}.py`]: source } };
}

export const BOOTS: Readonly<Record<string, Boot>> = {
  shadow_values: {
    source: "sum = 0\nlist = [1, 2]\nstr = 'x'\nlen = 3\nint = 4\nmax = min = 5\ndict = {}\n" +
      "type = 'sensor'\nid = 7\ninput = 1\nfile = 'log.txt'\nbytes = 16\nrange = 100\n",
  },
  shadow_print: { source: "def print(*args, **kwargs): pass\n" },
  shadow_with_none: {
    source: "exec = open = hasattr = isinstance = bytearray = memoryview = None\n" +
      "OSError = Exception = ImportError = MemoryError = None\n",
  },
  shadow_modules: {
    source: "os = sys = gc = machine = micropython = binascii = hashlib = time = 'taken'\n" +
      "reply = feed = stat = walk = collect = part = 1\n",
  },
  shadow_underscores: { source: "_ = '_'\n__name__ = 'boot'\n__file__ = 0\n" },
  builtins_print: {
    source: "import builtins\nbuiltins.print = lambda *args, **kwargs: None\n",
  },
  builtins_print_raises: {
    source: "import builtins\ndef loud(*args, **kwargs): raise RuntimeError('no printing')\n" +
      "builtins.print = loud\n",
  },
  builtins_open_wrapped: {
    source: "import builtins\n_open = builtins.open\nopened = []\ndef watched(*args, **kwargs):\n" +
      "    opened.append(args[0])\n    return _open(*args, **kwargs)\nbuiltins.open = watched\n",
  },
  builtins_open_raises: {
    source: "import builtins\ndef closed(*args, **kwargs): raise OSError(5)\n" +
      "builtins.open = closed\n",
  },
  builtins_import_wrapped: {
    source: "import builtins\n_import = builtins.__import__\ndef watched(name, *args):\n" +
      "    return _import(name, *args)\nbuiltins.__import__ = watched\n",
  },
  gc_disable: { source: "import gc\ngc.disable()\n" },
  gc_threshold: { source: "import gc\ngc.threshold(2048)\n" },
  ps1_dollar: { source: "import sys\nsys.ps1 = '$ '\n" },
  ps1_empty: { source: "import sys\nsys.ps1 = ''\n" },
  os_py: fake("os", "VERSION = 'of the operating system'\n"),
  machine_py: fake("machine", "PIN_PUMP = 4\n"),
  hashlib_py: fake("hashlib", "def sha256(data=b''): return None\n"),
  binascii_py: fake("binascii", "def hexlify(data): return '??'\n"),
  time_py: fake("time", "def now(): return 0\n"),
  gc_py: fake("gc", "def collect(): raise RuntimeError('not that gc')\n"),
  io_and_sys_py: {
    source: "",
    files: { "sys.py": "stdin = None\n", "micropython.py": "", "json.py": "", "deflate.py": "" },
  },
  modules_os: { source: "import sys\nclass Fake: pass\nsys.modules['os'] = Fake()\n" },
  modules_all: {
    source: "import sys\nfor name in ('os', 'gc', 'binascii', 'hashlib', 'time', 'machine'):\n" +
      "    sys.modules[name] = 'fake'\n",
  },
  path_clear: { source: "import sys\nsys.path.clear()\n" },
  path_app: { source: "import sys\nsys.path[:] = ['/app', '/app/lib']\n" },
  chdir_app: { source: "import os\nos.chdir('/app')\n", mainPath: "app/main.py" },
  slow: {
    source: "import utime\nfor _ in range(30):\n    print('.', end='')\n    utime.sleep_ms(100)\n",
    seconds: 3,
  },
  noisy: { source: "for n in range(200): print('booting', n, '>>> \\x01\\x04OK')\n" },
  raises: { source: "raise RuntimeError('boot.py is broken')\n" },
  syntax_error: { source: "def broken(:\n" },
  recursion: { source: "def f(): f()\ntry:\n    f()\nexcept RuntimeError: pass\n" },
  full_heap: {
    source: "kept = []\ntry:\n    while True: kept.append(bytearray(1000))\n" +
      "except MemoryError: pass\nkept = kept[:20]\n",
  },
  kbd_intr_moment: {
    source: "import micropython, utime\nmicropython.kbd_intr(-1)\nutime.sleep_ms(1500)\n" +
      "micropython.kbd_intr(3)\n",
    seconds: 2,
  },
  program_in_boot: { source: "", isProgram: true },
  endless: { source: "", isProgram: true, cycle: "pass" },
  endless_noisy: { source: "", isProgram: true, cycle: "print('boot.py goes on', '>>> ')" },
};
