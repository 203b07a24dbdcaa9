// A socket to a host.
import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { addressText, type Address } from './address.js';
import { SessionLostError } from './errors.js';

/** Files, for addresses that begin with `tls:`. */
export interface TlsOptions {
  /** Who must have signed the host's certificate; else the file that SOHO_TLS_CA names, else the authorities that Node knows. */
  ca?: string;
  /** The name in the host's certificate, where it is not the address's. */
  name?: string;
  /** The client's own certificate, to log in with, and its key, where that is in another file. */
  certificate?: string;
  key?: string;
}

export async function openSocket(address: Address, tls: TlsOptions, signal: AbortSignal): Promise<Socket> {
  const socket = begin(address, tls);
  const abort = (): void => void socket.destroy(new SessionLostError('it did not answer in time'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(address.transport === 'tls' ? 'secureConnect' : 'connect', resolve);
      socket.on('error', reject); // and stays, so that no error is without a listener
      socket.once('close', () => reject(new SessionLostError('it has closed the connection')));
      if (signal.aborted) abort();
    });
    return socket;
  } catch (error) {
    socket.destroy();
    throw new SessionLostError(`${addressText(address)}: ${reason(error as NodeJS.ErrnoException)}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function begin(address: Address, tls: TlsOptions): Socket {
  if (address.transport === 'unix') return connectPlain({ path: address.host });
  const place = { host: address.host, port: address.port, noDelay: true, autoSelectFamily: true };
  if (address.transport === 'tcp') return connectPlain(place);
  const ca = tls.ca ?? process.env['SOHO_TLS_CA'];
  const key = tls.key ?? tls.certificate;
  return connectTls({
    ...place,
    minVersion: 'TLSv1.2',
    ...(isName(tls.name ?? address.host) ? { servername: tls.name ?? address.host } : {}),
    ...(ca ? { ca: readFileSync(ca) } : {}),
    ...(tls.certificate ? { cert: readFileSync(tls.certificate) } : {}),
    ...(key ? { key: readFileSync(key) } : {}),
  });
}

// The name of a server in TLS is never a number.
function isName(host: string): boolean {
  return !/^[\d.]+$/.test(host) && !host.includes(':');
}

/** What binds a login to this connection (RFC 9266); empty without TLS. */
export function channelOf(socket: Socket): Uint8Array {
  if (!(socket instanceof TLSSocket)) return new Uint8Array(0);
  // Without a context, which Node's declarations do not know to be possible.
  const exported = socket as unknown as { exportKeyingMaterial(length: number, label: string): Buffer };
  return exported.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding');
}

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT': return 'no such socket';
    case 'ECONNREFUSED': return 'nobody listens there';
    case 'EACCES': return 'this user may not use that socket';
    default: {
      const several = (error as { errors?: Error[] }).errors; // one for each address that a name has
      return error.message || several?.map((each) => each.message).join(', ') || String(error.code ?? error);
    }
  }
}
