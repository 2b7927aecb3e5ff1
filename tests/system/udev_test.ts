/**
 * The udev rule, applied by the real udev to devices that umockdev makes up: this machine has no USB.
 * The devices are described as their makers have them.
 */
import { assertEquals } from "../assert.ts";
import { CHECKOUT } from "../install/installer.ts";
import { testNeeding } from "../needs.ts";
import { Machine } from "./nspawn.ts";

interface UsbPort {
  readonly vendor: string;
  readonly product: string;
  readonly serial: string | null;
  readonly interfaceNumber: string;
  readonly port: string;
}

const USB_DEVICE = "/devices/pci0000:00/0000:00:14.0/usb1/1-1";
const PICO: UsbPort = {
  vendor: "2e8a",
  product: "0005",
  serial: "e6614103e7",
  interfaceNumber: "00",
  port: "ttyACM0",
};
/** The same serial number for all that nobody has given one. */
const CP2102 = {
  ...PICO,
  vendor: "10c4",
  product: "ea60",
  serial: "0001",
  port: "ttyUSB0",
};
const MODEM = { ...PICO, vendor: "12d1", product: "1506", serial: "A1", port: "ttyUSB1" };

testNeeding(
  ["machine", "udevadm", "umockdev-run"],
  "the udev rule names boards and keeps ModemManager away from them only",
  async () => {
    await using machine = await Machine.start();
    await Deno.mkdir(`${machine.root}/etc/udev/rules.d`, { recursive: true });
    await Deno.copyFile(
      `${CHECKOUT}/config/60-uota-gateway.rules`,
      `${machine.root}/etc/udev/rules.d/60-uota-gateway.rules`,
    );

    const board = await applied(machine, PICO);
    assertEquals(board, { links: ["uota/e6614103e7"], ignored: ["device", "port"], dialout: true });
    const second = await applied(machine, { ...PICO, interfaceNumber: "02" });
    assertEquals(second.links, ["uota/e6614103e7-if02"]);
    const pyboard = await applied(machine, { ...PICO, vendor: "f055", product: "9800" });
    assertEquals(pyboard.ignored, ["device", "port"]);
    const adapter = await applied(machine, CP2102);
    assertEquals(adapter, { links: [], ignored: [], dialout: true });
    const unnumbered = await applied(machine, { ...CP2102, serial: null });
    assertEquals(unnumbered.links, []);
    const modem = await applied(machine, MODEM);
    assertEquals(modem, { links: ["uota/A1"], ignored: [], dialout: true });
  },
);

interface Applied {
  /** Below /dev. */
  readonly links: readonly string[];
  /** What ModemManager is told to leave alone. */
  readonly ignored: readonly ("device" | "port")[];
  readonly dialout: boolean;
}

async function applied(machine: Machine, usb: UsbPort): Promise<Applied> {
  await Deno.writeTextFile(`${machine.root}/root/usb.umockdev`, describe(usb));
  const device = await udev(machine, USB_DEVICE);
  const port = await udev(machine, `${USB_DEVICE}/1-1:1.0/tty/${usb.port}`);
  const links = /^DEVLINKS=(.*)$/m.exec(port)?.[1]?.split(" ") ?? [];
  return {
    links: links.filter((link) => link.startsWith("/dev/uota/")).map((link) => link.slice(5)),
    ignored: [
      ...(/^ID_MM_DEVICE_IGNORE=1$/m.test(device) ? ["device"] as const : []),
      ...(/^ID_MM_PORT_IGNORE=1$/m.test(port) ? ["port"] as const : []),
    ],
    dialout: /60-uota-gateway\.rules:\d+ GROUP 20$/m.test(port) &&
      /60-uota-gateway\.rules:\d+ MODE 0660$/m.test(port),
  };
}

/** What udev does with a device that is added; complaints about the rule fail the test. */
async function udev(machine: Machine, device: string): Promise<string> {
  const { code, stdout, stderr } = await machine.run(
    ["umockdev-run", "--device=/root/usb.umockdev", "--"]
      .concat("udevadm", "test", "--action=add", `/sys${device}`),
  );
  assertEquals(code, 0, stderr);
  const complaints = stderr.split("\n").filter((line) =>
    line.includes("60-uota-gateway.rules") && !/ (GROUP|MODE|LINK) /.test(line) &&
    !line.startsWith("Reading rules file")
  );
  assertEquals(complaints, []);
  return `${stderr}\n${stdout}`;
}

/** In umockdev's format. */
function describe({ vendor, product, serial, interfaceNumber, port }: UsbPort): string {
  return `P: ${USB_DEVICE}
N: bus/usb/001/002
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: DEVNAME=/dev/bus/usb/001/002
A: idVendor=${vendor}\\n
A: idProduct=${product}\\n
${serial === null ? "" : `A: serial=${serial}\\n\n`}A: bDeviceClass=ef\\n

P: ${USB_DEVICE}/1-1:1.0
E: DEVTYPE=usb_interface
E: SUBSYSTEM=usb
A: bInterfaceNumber=${interfaceNumber}\\n
A: bInterfaceClass=02\\n

P: ${USB_DEVICE}/1-1:1.0/tty/${port}
N: ${port}
E: SUBSYSTEM=tty
E: DEVNAME=/dev/${port}
E: MAJOR=166
E: MINOR=0
A: dev=166:0\\n
`;
}
