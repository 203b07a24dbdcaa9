// What a call can end with, besides its result: one class for each code of the protocol, and one for a lost connection.

export const CODES = {
  protocol: 1, no_object: 2, no_method: 3, bad_arguments: 4, denied: 5, unauthenticated: 6, deadline: 7, cancelled: 8, overloaded: 9,
  limit: 10, unavailable: 11, moved: 12, fenced: 13, not_started: 14, internal: 15, failed: 16, exists: 17, no_type: 18,
} as const;

/** The name of a code, or "session_lost", which no host says. */
export type ErrorKind = keyof typeof CODES | 'session_lost';

export interface ErrorDetails {
  /** The name of the error that a method raised, such as "KeyError". */
  type?: string | undefined;
  /** What the method attached to it. */
  data?: unknown;
  /** The trace option of the call. */
  trace?: string | undefined;
  /** What was called, where the error is a reply. */
  where?: string | undefined;
  cause?: unknown;
}

/** A request that the host, or an object's method, did not do. `text` is the sentence without what was called. */
export class SohoError extends Error {
  readonly type: string | undefined;
  readonly data: unknown;
  readonly trace: string | undefined;
  readonly where: string | undefined;

  constructor(readonly kind: ErrorKind, readonly text: string, details: ErrorDetails = {}) {
    const named = kind === 'failed' ? [details.type ?? 'Error', text].filter((part) => part !== '').join(': ') : text;
    super(details.where === undefined ? named : `${details.where}: ${named}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.type = details.type;
    this.data = details.data;
    this.trace = details.trace;
    this.where = details.where;
  }

  /** The code in the protocol; 0 where no host said it. */
  get code(): number {
    return this.kind === 'session_lost' ? 0 : CODES[this.kind];
  }

  /** Whether the method never ran, and may be called again as it is. */
  get isSafeToRetry(): boolean {
    return this.kind === 'overloaded' || this.kind === 'not_started';
  }
}

type Kinded = new (text: string, details?: ErrorDetails) => SohoError;

function kinded(kind: ErrorKind, name: string): Kinded {
  return class extends SohoError {
    override readonly name = name;
    constructor(text: string, details?: ErrorDetails) {
      super(kind, text, details);
    }
  };
}

export class ProtocolError extends kinded('protocol', 'ProtocolError') {}
export class NoObjectError extends kinded('no_object', 'NoObjectError') {}
export class NoMethodError extends kinded('no_method', 'NoMethodError') {}
export class BadArgumentsError extends kinded('bad_arguments', 'BadArgumentsError') {}
export class DeniedError extends kinded('denied', 'DeniedError') {}
export class UnauthenticatedError extends kinded('unauthenticated', 'UnauthenticatedError') {}
/** timeout has passed. The method may have run. */
export class DeadlineError extends kinded('deadline', 'DeadlineError') {}
export class CancelledError extends kinded('cancelled', 'CancelledError') {}
export class OverloadedError extends kinded('overloaded', 'OverloadedError') {}
export class LimitError extends kinded('limit', 'LimitError') {}
export class UnavailableError extends kinded('unavailable', 'UnavailableError') {}
export class MovedError extends kinded('moved', 'MovedError') {}
export class FencedError extends kinded('fenced', 'FencedError') {}
export class NotStartedError extends kinded('not_started', 'NotStartedError') {}
export class InternalError extends kinded('internal', 'InternalError') {}
/** The method raised an error of its own: `type` names it. A hosted method throws one to choose the name. */
export class FailedError extends kinded('failed', 'FailedError') {}
export class ExistsError extends kinded('exists', 'ExistsError') {}
export class NoTypeError extends kinded('no_type', 'NoTypeError') {}
/** The connection is lost, and with it the objects of this session. A call that was on its way may have run. */
export class SessionLostError extends kinded('session_lost', 'SessionLostError') {}

const CLASSES: Record<keyof typeof CODES, Kinded> = {
  protocol: ProtocolError, no_object: NoObjectError, no_method: NoMethodError, bad_arguments: BadArgumentsError, denied: DeniedError,
  unauthenticated: UnauthenticatedError, deadline: DeadlineError, cancelled: CancelledError, overloaded: OverloadedError, limit: LimitError,
  unavailable: UnavailableError, moved: MovedError, fenced: FencedError, not_started: NotStartedError, internal: InternalError,
  failed: FailedError, exists: ExistsError, no_type: NoTypeError,
};
const KINDS = Object.keys(CODES) as (keyof typeof CODES)[];

function isKind(name: unknown): name is keyof typeof CODES {
  return typeof name === 'string' && Object.hasOwn(CODES, name);
}

/** The error of a reply, in either form of the protocol. What is neither is the host's defect. */
export function errorFromReply(error: unknown, where: string): SohoError {
  if (typeof error === 'string') {
    const [kind, rest] = split(error);
    if (!isKind(kind)) return new InternalError(error, { where });
    if (kind !== 'failed') return new CLASSES[kind](rest, { where });
    const [type, text] = split(rest);
    return new FailedError(text, { where, type });
  }
  if (!Array.isArray(error) || typeof error[0] !== 'number' || typeof error[1] !== 'string') {
    return new InternalError('the host has sent an error that is none', { where, data: error });
  }
  const more = (typeof error[2] === 'object' && error[2] !== null ? error[2] : {}) as Record<string, unknown>;
  const code = error[0];
  const kind = isKind(more['kind']) ? more['kind'] : KINDS.find((name) => CODES[name] === code) ?? 'internal';
  return new CLASSES[kind](error[1], {
    where,
    type: typeof more['type'] === 'string' ? more['type'] : undefined,
    data: more['data'],
    trace: typeof more['trace'] === 'string' ? more['trace'] : undefined,
  });
}

function split(text: string): [string, string] {
  const colon = text.indexOf(': ');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 2)];
}
