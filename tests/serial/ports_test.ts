import { describePort, findPorts, type UsbIdentity } from "../../serial/mod.ts";
import { assertEquals } from "../assert.ts";
import { Line } from "./line.ts";

/** A directory that ends with its block. */
async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.realPath(await Deno.makeTempDir());
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A USB device in sysfs: its place below /sys/devices, and its attributes. */
interface SysfsDevice {
  /** The device's directory, such as "pci0000:00/usb1/1-1/1-1.3". */
  readonly place: string;
  /** Below it, what the tty's `device` link points to. */
  readonly tty: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Lays out a sysfs as the kernel does, with one tty. */
async function sysfsWith(root: string, name: string, device: SysfsDevice): Promise<string> {
  const usb = `${root}/sys/devices/${device.place}`;
  await Deno.mkdir(`${usb}/${device.tty}`, { recursive: true });
  for (const [attribute, value] of Object.entries(device.attributes)) {
    await Deno.writeTextFile(`${usb}/${attribute}`, `${value}\n`);
  }
  await Deno.mkdir(`${root}/sys/class/tty/${name}`, { recursive: true });
  await Deno.symlink(`${usb}/${device.tty}`, `${root}/sys/class/tty/${name}/device`);
  return `${root}/sys`;
}

async function identityOf(name: string, device: SysfsDevice): Promise<UsbIdentity | null> {
  await using directory = await temporaryDirectory();
  const sysfs = await sysfsWith(directory.path, name, device);
  await Deno.writeTextFile(`${directory.path}/${name}`, "");
  return (await describePort(`${directory.path}/${name}`, { sysfs }))?.usb ?? null;
}

Deno.test("findPorts() gives each device once when several links point to it", async () => {
  await using first = new Line();
  await using second = new Line();
  await using directory = await temporaryDirectory();
  await Deno.symlink(second.path, `${directory.path}/tty10`);
  await Deno.symlink(first.path, `${directory.path}/tty2`);
  await Deno.symlink(first.path, `${directory.path}/by-id`);
  await Deno.symlink("/dev/ttyNONE", `${directory.path}/tty-unplugged`);
  const glob = `${directory.path}/tty*`;
  const plain = [
    { path: `${directory.path}/tty2`, devicePath: first.path, usb: null },
    { path: `${directory.path}/tty10`, devicePath: second.path, usb: null },
  ];
  assertEquals(await findPorts([glob]), plain);
  assertEquals(await findPorts([glob, `${directory.path}/by-id`, second.path, glob]), plain);
  assertEquals((await findPorts([`${directory.path}/by-id`, glob])).map(({ path }) => path), [
    `${directory.path}/by-id`,
    `${directory.path}/tty10`,
  ]);
});

Deno.test("findPorts() gives nothing when nothing matches", async () => {
  assertEquals(await findPorts([]), []);
  assertEquals(await findPorts(["/dev/ttyNONE*", "/none/at/all"]), []);
});

Deno.test("describePort() gives null when the path leads nowhere", async () => {
  await using directory = await temporaryDirectory();
  await Deno.symlink("/dev/ttyNONE", `${directory.path}/link`);
  assertEquals(await describePort(`${directory.path}/link`), null);
  assertEquals(await describePort("/dev/ttyNONE"), null);
});

Deno.test("describePort() reads a USB-CDC port's identity off its interface and device", async () => {
  assertEquals(
    await identityOf("ttyACM0", {
      place: "platform/scb/fd500000.pcie/pci0000:00/usb1/1-1/1-1.3",
      tty: "1-1.3:1.0",
      attributes: { idVendor: "2e8a", idProduct: "0005", serial: "e6614103e7000102" },
    }),
    { vendorId: "2e8a", productId: "0005", serial: "e6614103e7000102", topology: "1-1.3:1.0" },
  );
});

Deno.test("describePort() reads a USB-serial bridge's identity through its ttyUSB directory", async () => {
  assertEquals(
    await identityOf("ttyUSB0", {
      place: "pci0000:00/0000:00:14.0/usb3/3-2",
      tty: "3-2:1.0/ttyUSB0",
      attributes: { idVendor: "1a86", idProduct: "7523" },
    }),
    // A CH340 has no serial number.
    { vendorId: "1a86", productId: "7523", serial: null, topology: "3-2:1.0" },
  );
});

Deno.test("describePort() tells a hub's two ports apart by their topology", async () => {
  const attributes = { idVendor: "1a86", idProduct: "7523", serial: "" };
  const identities = [];
  for (const port of ["1-1.2", "1-1.4"]) {
    identities.push(
      await identityOf("ttyUSB0", {
        place: `pci0000:00/usb1/1-1/${port}`,
        tty: `${port}:1.0/ttyUSB0`,
        attributes,
      }),
    );
  }
  assertEquals(identities.map((usb) => usb?.topology), ["1-1.2:1.0", "1-1.4:1.0"]);
  assertEquals(identities.map((usb) => usb?.serial), [null, null]);
});

Deno.test("describePort() gives no USB identity when the port is the machine's own UART", async () => {
  assertEquals(
    await identityOf("ttyAMA0", {
      place: "platform/soc/fe201000.serial",
      tty: "fe201000.serial:0/fe201000.serial:0.0",
      attributes: {},
    }),
    null,
  );
});
