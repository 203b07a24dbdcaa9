// What a hosted method raised, as the error of a reply. Whatever it was, its caller gets an answer.
import { CODES, FailedError, SohoError } from './errors.js';

// As PROTOCOL.md, 4, has it: [code, text, {kind, type, data}].
export type ReplyError = [code: number, text: string, more: { kind: string; type?: string | undefined; data?: unknown }];

const TEXT_MAX = 1000;

// An error that a program makes is what it says. One that it was sent, by what it has called, is its own failure: what was true of that
// request ("never started") is not of this one.
export function errorFor(thrown: unknown): ReplyError {
  try {
    if (thrown instanceof FailedError) return failed(thrown.type ?? 'Error', thrown.text, thrown.data);
    if (thrown instanceof SohoError && thrown.where === undefined && thrown.kind !== 'session_lost') {
      return [thrown.code, thrown.text, { kind: thrown.kind, data: thrown.data }];
    }
    if (!(thrown instanceof Error)) return failed('Error', String(thrown));
    const name = thrown.name === 'Error' ? thrown.constructor.name : thrown.name;
    return failed(String(name) || 'Error', String(thrown.message), (thrown as { data?: unknown }).data);
  } catch {
    return failed('Error', 'the method raised what cannot be read: looking at it raises an error of its own');
  }
}

// For one that could not be sent as it is.
export function shortened([code, text, { kind, type }]: ReplyError, why: unknown): ReplyError {
  return [code, `${said(text)} (shortened: ${said(textOf(why))})`, { kind, type: type === undefined ? undefined : said(type) }];
}

// For a result that could not be sent.
export function resultError(why: unknown): ReplyError {
  return failed('TypeError', said(`the result cannot be sent: ${textOf(why)}`));
}

function failed(type: string, text: string, data?: unknown): ReplyError {
  return [CODES.failed, text, { kind: 'failed', type, data }];
}

function textOf(error: unknown): string {
  return error instanceof SohoError ? error.text : String(error);
}

// No longer than people read, and text that UTF-8 can say.
function said(text: string): string {
  return Buffer.from(text.slice(0, TEXT_MAX)).toString();
}
