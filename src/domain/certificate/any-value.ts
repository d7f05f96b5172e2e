import { DerFlaw, type DerReader, requireDer } from "./der-reader.ts";
import { tag } from "./der-tag.ts";
import { readInteger, readOid } from "./der-values.ts";

/** Deeper than any attribute of a request goes. */
const mostLevels = 16;
const constructed = 0x20;
const notUniversal = 0xc0;

/**
 * Consumes one value whose type is not ours to know, and refuses it unless it is DER throughout: definite, shortest lengths,
 * primitive strings, values in their one form. Goes down without recursion, at most 16 levels.
 */
export function checkAnyValue(fields: DerReader, what: string): void {
  const open: DerReader[] = [];
  const take = (reader: DerReader) => {
    const inner = takeValue(reader, what);
    if (inner !== undefined) open.push(inner);
    requireDer(open.length <= mostLevels, `${what} is nested too deeply`);
  };
  take(fields);
  for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
    if (inner.atEnd) open.pop();
    else take(inner);
  }
}

/** A reader of the contents where the value is constructed. */
function takeValue(reader: DerReader, what: string): DerReader | undefined {
  const identifier = reader.nextTag;
  if (identifier === undefined) throw new DerFlaw(`${what} is missing`);
  if ((identifier & constructed) !== 0) {
    const mayBe = identifier === tag.sequence || identifier === tag.set || (identifier & notUniversal) !== 0;
    requireDer(mayBe, `${what} has a string in pieces (X.690 §10.2)`);
    return reader.enter(identifier, what);
  }
  const check = primitives[identifier];
  if (check !== undefined) check(reader, what);
  else {
    requireDer(identifier !== 0, `${what} has the identifier 0`);
    reader.contents(identifier, what);
  }
  return undefined;
}

const sized =
  (identifier: number, fits: (contents: Uint8Array) => boolean) =>
  (reader: DerReader, what: string): void =>
    requireDer(fits(reader.contents(identifier, what)), `${what} holds a value that is no DER`);

const enumerated = 0x0a;
const universalString = 0x1c;
const bmpString = 0x1e;

const primitives: Readonly<Record<number, (reader: DerReader, what: string) => unknown>> = {
  [tag.integer]: readInteger,
  [tag.oid]: readOid,
  [tag.boolean]: sized(tag.boolean, ([flag, ...more]) => (flag === 0 || flag === 0xff) && more.length === 0),
  [tag.null]: sized(tag.null, ({ length }) => length === 0),
  [tag.bitString]: sized(tag.bitString, isBitString),
  [enumerated]: sized(enumerated, isShortest),
  [tag.utf8String]: sized(tag.utf8String, isUtf8),
  [bmpString]: sized(bmpString, ({ length }) => length % 2 === 0),
  [universalString]: sized(universalString, ({ length }) => length % 4 === 0),
};

/** At most 7 unused bits, which are zero. X.690 §11.2.1. */
function isBitString(contents: Uint8Array): boolean {
  const unused = contents[0] ?? 8;
  const last = contents.length > 1 ? (contents.at(-1) ?? 0) : 0;
  return unused < 8 && (contents.length > 1 || unused === 0) && last % 2 ** unused === 0;
}

function isShortest([first, second]: Uint8Array): boolean {
  if (first === undefined || second === undefined) return first !== undefined;
  return !((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
}

export function isUtf8(contents: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(contents);
    return true;
  } catch {
    return false; // TextDecoder throws for nothing else
  }
}
