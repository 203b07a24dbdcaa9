// One listener for each signal, however many calls it can abort: Node warns of what looks like a leak from ten on.

const listening = new WeakMap<AbortSignal, Set<() => void>>();

// Has `abort` called when the signal is; what it returns takes that back.
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  let waiting = listening.get(signal);
  if (waiting === undefined) {
    const created = (waiting = new Set());
    listening.set(signal, created);
    signal.addEventListener('abort', () => created.forEach((each) => each()), { once: true });
  }
  const all = waiting;
  all.add(abort);
  return () => all.delete(abort);
}
