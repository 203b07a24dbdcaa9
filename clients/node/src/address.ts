// Where a host listens.
import { lstatSync } from 'node:fs';
import { userInfo } from 'node:os';

export interface Address {
  transport: 'unix' | 'tcp' | 'tls';
  // The path, for a Unix socket.
  host: string;
  port: number;
}

const FORMS = 'unix:PATH, tcp:HOST:PORT, tcp:[V6]:PORT, or tls: in place of tcp:';

export function addressText({ transport, host, port }: Address): string {
  if (transport === 'unix') return `unix:${host}`;
  return host.includes(':') ? `${transport}:[${host}]:${port}` : `${transport}:${host}:${port}`;
}

// Takes soho's own form, or the path of a Unix socket.
export function parseAddress(text: string): Address {
  const [, transport, rest] = /^(unix|tcp|tls):(.*)$/s.exec(text) ?? [];
  if (transport === 'unix') {
    if (!rest) throw new TypeError('"unix:" lacks the path of the socket: unix:PATH');
    return { transport, host: rest, port: 0 };
  }
  if (transport === 'tcp' || transport === 'tls') {
    const [, v6, name, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(rest ?? '') ?? [];
    const host = v6 ?? name;
    if (host === undefined || Number(port) > 65535) throw new TypeError(`"${text}" is not ${transport}:HOST:PORT or ${transport}:[V6]:PORT`);
    return { transport, host, port: Number(port) };
  }
  if (text.startsWith('\0')) throw new TypeError('a soho host does not listen at an abstract socket: give the path of one in a directory');
  if (text.includes('/')) return { transport: 'unix', host: text, port: 0 };
  throw new TypeError(`"${text}" is not an address: ${FORMS}`);
}

// Where a client looks: there; else at $SOHO_HOST; else at the user's own socket, then at the machine's.
export function candidates(address: string | undefined, environment: NodeJS.ProcessEnv = process.env): Address[] {
  if (address !== undefined) return [parseAddress(address)];
  const named = environment['SOHO_HOST'];
  if (named) {
    try {
      return [parseAddress(named)];
    } catch (error) {
      throw new TypeError(`SOHO_HOST: ${(error as Error).message}`);
    }
  }
  const runtime = environment['XDG_RUNTIME_DIR'];
  const directory = runtime ? `${runtime}/soho` : `${environment['TMPDIR'] || '/tmp'}/soho-${effectiveUser()}`;
  const own: Address = { transport: 'unix', host: `${directory}/sohod.sock`, port: 0 };
  const machines: Address = { transport: 'unix', host: '/run/sohod/sohod.sock', port: 0 };
  return isPrivate(directory) ? [own, machines] : [machines];
}

function effectiveUser(): number {
  return process.geteuid?.() ?? userInfo().uid;
}

// Whether nobody else can have put a socket there.
function isPrivate(directory: string): boolean {
  const status = lstatSync(directory, { throwIfNoEntry: false });
  if (status === undefined) return true; // there is nothing to be fooled by
  return status.isDirectory() && status.uid === effectiveUser() && (status.mode & 0o077) === 0;
}
