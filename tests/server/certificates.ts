/** A private certificate authority for tests, made by openssl while they run. */

/** What a certificate is issued for. */
export interface CertificateRequest {
  /** Subject alternative names as openssl writes them. @default DNS:localhost, IP:127.0.0.1 */
  readonly names?: string;
  /** Days of validity from now; negative for one that expired. @default 30 */
  readonly days?: number;
  /** @default "ec" */
  readonly key?: "ec" | "rsa" | "ed25519";
}

/** Files in PEM. */
export interface Certificate {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** An authority with its files in a directory that somebody else removes. */
export interface Authority {
  readonly caFile: string;
  issue(request?: CertificateRequest): Promise<Certificate>;
}

const KEY_OPTIONS = {
  ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
  rsa: ["-newkey", "rsa:2048"],
  ed25519: ["-newkey", "ed25519"],
};

/** Makes an authority with its files in `directory`. */
export async function makeAuthority(directory: string): Promise<Authority> {
  const caFile = `${directory}/ca.pem`;
  const caKeyFile = `${directory}/ca.key`;
  await openssl([
    ...["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=uota-gateway test CA"],
    ...KEY_OPTIONS.ec,
    ...["-keyout", caKeyFile, "-out", caFile],
  ]);
  let issued = 0;
  const issue = async (request: CertificateRequest = {}): Promise<Certificate> => {
    const { names = "DNS:localhost,IP:127.0.0.1", days = 30, key = "ec" } = request;
    const base = `${directory}/server-${issued++}`;
    await Deno.writeTextFile(`${base}.ext`, `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`);
    await openssl([
      ...["req", "-new", "-nodes", "-subj", "/CN=uota-gateway test server"],
      ...KEY_OPTIONS[key],
      ...["-keyout", `${base}.key`, "-out", `${base}.csr`],
    ]);
    await openssl([
      ...["x509", "-req", "-in", `${base}.csr`, "-CA", caFile, "-CAkey", caKeyFile],
      ...["-CAcreateserial", "-days", String(days), "-extfile", `${base}.ext`],
      ...["-out", `${base}.pem`],
    ]);
    return { certificateFile: `${base}.pem`, keyFile: `${base}.key` };
  };
  return { caFile, issue };
}

/** Runs openssl and gives back what it prints. */
export async function openssl(
  args: readonly string[],
  stdin: Uint8Array<ArrayBuffer> = new Uint8Array(),
): Promise<Uint8Array<ArrayBuffer>> {
  const child = new Deno.Command("openssl", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(stdin);
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) {
    throw new Error(`openssl ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
  }
  return stdout;
}
