/**
 * A real nginx with its own configuration, certificates and log, over HTTP and TLS on free ports:
 * the web server that most publishers have. Root and every other user can run it.
 */

import { type CertificateRequest, makeAuthority } from "./certificates.ts";

/** What {@linkcode startNginx} serves beside the published files. */
export interface NginxOptions {
  /** Directives of nginx for both servers, e.g. `location = /old { return 302 /new; }`. */
  readonly directives?: string;
  /** Whether it serves over TLS, too. @default true */
  readonly tls?: boolean;
  /** The certificate of the TLS server. */
  readonly certificate?: CertificateRequest;
}

/** A request as nginx logged it. */
export interface LoggedRequest {
  readonly scheme: string;
  readonly method: string;
  readonly uri: string;
  readonly status: number;
  readonly authorization: string;
  readonly acceptEncoding: string;
}

/** A running nginx; stops when disposed of. */
export interface Nginx extends AsyncDisposable {
  /** Base URL without TLS. */
  readonly url: string;
  /** Base URL with TLS, where that is served. */
  readonly tlsUrl: string;
  /** The authority that issued its certificate, in PEM; empty without TLS. */
  readonly caFile: string;
  /** Its own certificate, in PEM; empty without TLS. */
  readonly certificateFile: string;
  /** Puts files into the document root, each at once. */
  publish(files: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
  /** All requests that it has answered by now. */
  log(): Promise<readonly LoggedRequest[]>;
  /** Waits until its requests are as is wanted. */
  logUntil(isEnough: (requests: readonly LoggedRequest[]) => boolean): Promise<void>;
}

/** Answered by every server, so that {@linkcode Nginx.log} can tell what came before. */
const SENTINEL = "/.sentinel";
const ATTEMPTS = 5;

/** Starts nginx and waits until it accepts connections. */
export async function startNginx(options: NginxOptions = {}): Promise<Nginx> {
  const directory = await Deno.makeTempDir({ prefix: "uota-nginx-" });
  try {
    const secured = options.tls === false ? null : await certified(directory, options);
    await Deno.mkdir(`${directory}/www`);
    // Another program may take a free port before nginx does.
    for (let attempt = 1;; attempt++) {
      const [port, tlsPort] = freePorts();
      const tls = secured === null ? "" : `listen 127.0.0.1:${tlsPort} ssl;
        ssl_certificate ${secured.certificateFile};
        ssl_certificate_key ${secured.keyFile};`;
      const directives = `${options.directives ?? ""}\n${tls}`;
      await Deno.writeTextFile(
        `${directory}/nginx.conf`,
        configuration({ directory, port, directives }),
      );
      const child = await launch(directory);
      if (child === null && attempt < ATTEMPTS) continue;
      if (child === null) {
        throw new Error(
          `nginx did not start: ${await Deno.readTextFile(`${directory}/error.log`)}`,
        );
      }
      return {
        url: `http://127.0.0.1:${port}/`,
        tlsUrl: `https://localhost:${tlsPort}/`,
        caFile: secured?.caFile ?? "",
        certificateFile: secured?.certificateFile ?? "",
        publish: (files) => publish(`${directory}/www`, files),
        log: () => readLog(`http://127.0.0.1:${port}`, `${directory}/access.log`),
        logUntil: (isEnough) => waitForLog(`${directory}/access.log`, isEnough),
        [Symbol.asyncDispose]: async () => {
          child.kill("SIGTERM");
          await child.status;
          await Deno.remove(directory, { recursive: true });
        },
      };
    }
  } catch (error) {
    await Deno.remove(directory, { recursive: true });
    throw error;
  }
}

/** An authority of its own, and a certificate by it. */
async function certified(directory: string, { certificate }: NginxOptions) {
  const { caFile, issue } = await makeAuthority(directory);
  return { caFile, ...await issue(certificate) };
}

function freePorts(): readonly [number, number] {
  using first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using second = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return [first.addr.port, second.addr.port];
}

interface Configuration {
  readonly directory: string;
  readonly port: number;
  readonly directives: string;
}

/** One worker, so that the log's order is the order of the requests. */
function configuration({ directory, port, directives }: Configuration): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${directory}/tmp-${name};`).join("\n");
  return `
    ${Deno.uid() === 0 ? "user root;" : ""}
    worker_processes 1;
    daemon off;
    pid ${directory}/nginx.pid;
    error_log ${directory}/error.log;
    events { worker_connections 64; }
    http {
      log_format requests escape=json '{"scheme":"$scheme","method":"$request_method",'
        '"uri":"$request_uri","status":$status,"authorization":"$http_authorization",'
        '"acceptEncoding":"$http_accept_encoding"}';
      access_log ${directory}/access.log requests;
      ${temporary}
      default_type application/octet-stream;
      server {
        listen 127.0.0.1:${port};
        root ${directory}/www;
        location = ${SENTINEL} { return 204; }
        ${directives}
      }
    }`;
}

/** Resolves once nginx listens, which it does before it writes its pid; null where it ended. */
async function launch(directory: string): Promise<Deno.ChildProcess | null> {
  using watcher = Deno.watchFs(directory);
  const child = new Deno.Command("nginx", {
    args: ["-p", directory, "-c", `${directory}/nginx.conf`, "-e", `${directory}/error.log`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const ended = child.status.then(() => watcher.close());
  for await (const { paths } of watcher) {
    if (paths.some((path) => path.endsWith("/nginx.pid")) && await hasText(paths)) return child;
  }
  await ended;
  return null;
}

async function hasText(paths: readonly string[]): Promise<boolean> {
  const pidFile = paths.find((path) => path.endsWith("/nginx.pid"));
  return pidFile !== undefined && (await Deno.readTextFile(pidFile)).trim() !== "";
}

async function publish(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = `${root}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${path}.part`, bytes);
    await Deno.rename(`${path}.part`, path);
  }
}

async function readLog(origin: string, file: string): Promise<readonly LoggedRequest[]> {
  // nginx logs a request after it answered it. The one worker turns to this request only when it
  // is done with those before, so that their lines are there by its answer. Its own line may be half
  // written by now: what has no end is not one yet.
  const sentinel = await fetch(`${origin}${SENTINEL}`);
  await sentinel.body?.cancel();
  return await loggedIn(file);
}

async function waitForLog(
  file: string,
  isEnough: (requests: readonly LoggedRequest[]) => boolean,
): Promise<void> {
  using watcher = Deno.watchFs(file);
  if (isEnough(await loggedIn(file))) return;
  for await (const _change of watcher) if (isEnough(await loggedIn(file))) return;
}

async function loggedIn(file: string): Promise<readonly LoggedRequest[]> {
  const lines = (await Deno.readTextFile(file)).split("\n").slice(0, -1);
  // The format is the one in the configuration above.
  const requests = lines.map((line) => JSON.parse(line) as LoggedRequest);
  return requests.filter(({ uri }) => uri !== SENTINEL);
}
