/** MicroPython for the emulated micro:bit, as Debian's firmware-microbit-micropython installs it. */
export const MICROBIT_FIRMWARE = "/usr/share/firmware-microbit-micropython/firmware.hex";
