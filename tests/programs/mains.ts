/** What people write into main.py. */
import type { Main } from "./program.ts";

function good(cycle: string, more: Partial<Main> = {}): Main {
  return { is: "good", cycle, ...more };
}

function bad(setup: string, more: Partial<Main> = {}): Main {
  return { is: "bad", setup, ...more };
}

function either(setup: string, more: Partial<Main> = {}): Main {
  return { is: "either", setup, ...more };
}

const REMOVE_TRANSACTION = `import os as _os
def _remove(path):
    try:
        for entry in list(_os.ilistdir(path)):
            name = path + '/' + entry[0]
            if entry[1] & 0x4000:
                _remove(name)
            else:
                _os.remove(name)
        _os.rmdir(path)
    except OSError:
        pass
_remove('/.uota')
`;

const SWALLOW_TWO = `import utime as _t
_left = 2
while _left:
    try:
        _t.sleep_ms(20)
        if _t.ticks_ms() > 1000:
            break
    except KeyboardInterrupt:
        _left -= 1
        print('not now')
`;

const TIMER = `import machine
def _ring(timer):
    raise RuntimeError('in a timer')
_timer = machine.Timer(-1)
_timer.init(period=100, mode=machine.Timer.PERIODIC, callback=_ring)
`;

const DEEP_SLEEP = `import machine, utime
for _ in range(60):
    utime.sleep_ms(20)
machine.deepsleep(400)
`;

const BITES = `import machine, utime
_dog = machine.WDT(timeout=3000)
while True:
    utime.sleep_ms(20)
`;

export const MAINS: Readonly<Record<string, Main>> = {
  quiet: good("pass"),
  ends: { is: "good", goesOn: false, setup: "print('done')\n" },
  nothing: { is: "good", goesOn: false },
  flood: good("for n in range(20): print('flood', n, 'x' * 60)"),
  no_newline: good("print('.', end='')"),
  prints_prompts: good("print('\\n>>> ', end='')"),
  prints_raw_prompts: good("print('raw REPL; CTRL-B to exit\\n>OK\\x04\\x04>', end='')"),
  control_bytes: good("print('\\x00\\x01\\x02\\x03\\x04\\x05A\\x01R\\x00', end='')"),
  invalid_utf8: good(
    "_sys.stdout.buffer.write(b'\\xff\\xfe\\xc3(\\x80 \\xf0\\x9f\\x98')\nprint('\u00fc\u20ac\u{1F600}')",
    { setup: "import sys as _sys\n" },
  ),
  long_lines: good("print('y' * 20000, end='')"),
  prints_tracebacks: good(
    "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    _sys.print_exception(error)",
    { setup: "import sys as _sys\n" },
  ),
  input: good("input('Name? ')", { waits: true }),
  stdin_read: good("print(repr(_sys.stdin.read(1)))", {
    setup: "import sys as _sys\n",
    waits: true,
  }),
  swallow_two: good("pass", { setup: SWALLOW_TWO }),
  kbd_intr_moment: good("pass", {
    seconds: 2,
    setup: "import micropython, utime\nmicropython.kbd_intr(-1)\nutime.sleep_ms(1500)\n" +
      "micropython.kbd_intr(3)\n",
  }),
  timer_raises: good("pass", { setup: TIMER, usesMachine: true }),
  watchdog_fed: good("_dog.feed()", {
    setup: "import machine\n_dog = machine.WDT(timeout=4000)\n",
    usesMachine: true,
    defaults: 'watchdog = "4s"',
  }),
  full_heap: good("pass", {
    setup: "_kept = []\ntry:\n    while True: _kept.append(bytearray(1000))\n" +
      "except MemoryError: pass\n",
  }),
  gc_disabled: good("bytearray(100)", { setup: "import gc\ngc.disable()\n" }),
  own_log: good("_log = _io.open('/log.txt', 'a')\n_log.write('tick\\n')\n_log.close()", {
    writes: ["/log.txt"],
  }),
  keeps_file_open: good("_log.write('tick\\n')", {
    setup: "_log = _io.open('/log.txt', 'w')\n",
    writes: ["/log.txt"],
  }),
  code_py: {
    is: "good",
    goesOn: false,
    waits: true,
    setup: "exec(_io.open('code.py').read())\n",
    files: { "code.py": "import utime\nwhile True:\n    utime.sleep_ms(20)\n" },
  },
  removes_transaction: good("pass", { setup: REMOVE_TRANSACTION }),

  raises: bad("raise ValueError('not on this board')\n"),
  raises_late: bad("import utime\nutime.sleep_ms(800)\nraise ValueError('after a while')\n"),
  import_error: bad("import driver_that_nobody_has\n"),
  syntax_error: bad("def broken(:\n"),
  memory_error: bad("kept = []\nwhile True: kept.append('x' * 1000 + str(len(kept)))\n"),
  recursion: bad("def f(): f()\nf()\n"),
  direction_marks: bad("raise ValueError('\\u202eevil\\u202c \\u2066x \\x1b[31m \\x07 \\x9b')\n"),
  long_traceback: bad(
    "for n in range(1000): print('x' * 1000)\n" +
      "def f(n):\n    if n: f(n - 1)\n    raise ValueError('y' * 5000)\nf(12)\n",
  ),
  raises_behind_noise: bad(
    "for n in range(300): print('>>> ' * 10)\nraise ValueError('at last')\n",
  ),
  keyboard_interrupt: bad("raise KeyboardInterrupt\n"),
  resets_on_error: bad(
    "import machine, utime\ntry:\n    utime.sleep_ms(200)\n    raise ValueError()\n" +
      "except Exception:\n    machine.reset()\n",
    { usesMachine: true, seconds: 2 },
  ),
  resets_late: bad("import machine, utime\nutime.sleep_ms(700)\nmachine.reset()\n", {
    usesMachine: true,
    seconds: 3,
  }),
  // A chip takes longer than this machine to read and compile a program. With a USB of its own no host
  // has even seen it by then.
  resets_at_once: bad("import machine, utime\nutime.sleep_ms(50)\nmachine.reset()\n", {
    usesMachine: true,
    port: "uart",
  }),
  watchdog_bites: bad(BITES, { usesMachine: true, seconds: 8 }),
  deep_sleep: bad(DEEP_SLEEP, { usesMachine: true, seconds: 5 }),

  sys_exit: either("import sys, utime\nutime.sleep_ms(300)\nsys.exit()\n"),
  system_exit: either("import utime\nutime.sleep_ms(300)\nraise SystemExit\n"),
  soft_reset_loop: either("import machine, utime\nutime.sleep_ms(500)\nmachine.soft_reset()\n", {
    usesMachine: true,
  }),
};
