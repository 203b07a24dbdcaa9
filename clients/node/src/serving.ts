// The call that a hosted object's method serves, for whatever runs on its behalf.
import { AsyncLocalStorage } from 'node:async_hooks';

/** What the host says of a call, and what its method may ask. */
export interface Call {
  /** Who calls, and what caused it all, where that was another session. */
  readonly principal: string;
  readonly session: number;
  readonly originSession: number;
  readonly owner: string | undefined;
  readonly trace: string | undefined;
  /** Nobody waits for the result. */
  readonly isOneway: boolean;
  /** Aborted when nobody waits any more: the caller cancelled, went away, or has had its deadline. */
  readonly signal: AbortSignal;
  /** Milliseconds until the deadline; Infinity without one. */
  readonly timeLeft: number;
  /**
   * Resolves when it is known whether the caller got the reply: false where an item that it had can go back to where it was. To be asked for
   * before the method has ended.
   */
  delivery(): Promise<boolean>;
}

export class ServedCall implements Call {
  /** Once it has its reply, what names it is the session's own again. */
  isAnswered = false;
  #aborting: AbortController | undefined;
  #isCancelled = false;
  readonly #until: number;
  #delivery: Promise<boolean> | undefined;

  constructor(
    // Of whose requests it is.
    readonly connection: object,
    readonly msgid: number,
    private readonly options: Record<string, unknown>,
    private readonly watchDelivery: (msgid: number) => Promise<boolean>,
  ) {
    const timeout = options['timeout_ms'];
    this.#until = typeof timeout === 'number' ? performance.now() + timeout : Infinity;
  }

  get principal(): string {
    return String(this.options['principal'] ?? '');
  }
  get session(): number {
    return Number(this.options['session'] ?? 0);
  }
  get originSession(): number {
    return Number(this.options['origin_session'] ?? 0);
  }
  get owner(): string | undefined {
    return text(this.options['owner']);
  }
  get trace(): string | undefined {
    return text(this.options['trace']);
  }
  get isOneway(): boolean {
    return this.options['oneway'] === true;
  }
  get timeLeft(): number {
    return Math.max(0, this.#until - performance.now());
  }
  get signal(): AbortSignal {
    this.#aborting ??= new AbortController();
    if (this.#isCancelled) this.#aborting.abort();
    return this.#aborting.signal;
  }

  delivery(): Promise<boolean> {
    if (this.isAnswered) throw new Error('this call has its reply: ask for its delivery before the method ends');
    this.#delivery ??= this.watchDelivery(this.msgid);
    return this.#delivery;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#aborting?.abort();
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export const serving = new AsyncLocalStorage<ServedCall>();

/** The call that this code runs for; undefined outside of hosted methods. */
export function currentCall(): Call | undefined {
  return serving.getStore();
}
