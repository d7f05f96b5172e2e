import { checkAnyValue, isUtf8 } from "./any-value.ts";
import { type DerReader, requireDer } from "./der-reader.ts";
import { explicitTag, tag } from "./der-tag.ts";
import { readOid } from "./der-values.ts";

const mostNames = 32;
const mostAttributes = 16;
const mostValues = 8;

/**
 * Consumes a request's subject and refuses one that is no Name (RFC 5280 §4.1.2.4) of UTF8String, PrintableString and
 * IA5String. What it says is of no matter; but what other programs cannot read is not let in.
 */
export function checkSubject(fields: DerReader): void {
  const subject = fields.enter(tag.sequence, "the subject");
  for (let count = 0; !subject.atEnd; count += 1) {
    requireDer(count < mostNames, `the subject has more than ${mostNames} parts`);
    const part = subject.enter(tag.set, "a part of the subject");
    requireDer(!part.atEnd, "a part of the subject is empty");
    for (let more = 0; !part.atEnd; more += 1) {
      requireDer(more < mostValues, `a part of the subject has more than ${mostValues} values`);
      checkAttributeAndValue(part.enter(tag.sequence, "a name in the subject"));
    }
  }
}

function checkAttributeAndValue(name: DerReader): void {
  readOid(name, "a name's type");
  const { nextTag } = name;
  if (nextTag === tag.utf8String) {
    requireDer(isUtf8(name.contents(tag.utf8String, "a name")), "a name in the subject is not UTF-8");
  } else {
    const text = name.contents(nextTag === tag.ia5String ? tag.ia5String : tag.printableString, "a name");
    requireDer(
      text.every((octet) => octet < 0x80),
      "a name in the subject is not ASCII, as its type says",
    );
  }
  name.end("a name in the subject");
}

/** Consumes a request's attributes (RFC 2986 §4.1): any value that is DER, no attribute twice, none without a value. */
export function checkAttributes(fields: DerReader): void {
  const attributes = fields.enter(explicitTag(0), "the attributes");
  const seen = new Set<string>();
  while (!attributes.atEnd) {
    requireDer(seen.size < mostAttributes, `there are more than ${mostAttributes} attributes`);
    const attribute = attributes.enter(tag.sequence, "an attribute");
    const id = readOid(attribute, "an attribute's type");
    requireDer(!seen.has(id), `the attribute ${id} is there twice`);
    seen.add(id);
    checkValues(attribute, id);
    attribute.end(`the attribute ${id}`);
  }
}

function checkValues(attribute: DerReader, id: string): void {
  const values = attribute.enter(tag.set, `the values of attribute ${id}`);
  requireDer(!values.atEnd, `the attribute ${id} has no value`);
  for (let count = 0; !values.atEnd; count += 1) {
    requireDer(count < mostValues, `the attribute ${id} has more than ${mostValues} values`);
    checkAnyValue(values, `a value of attribute ${id}`);
  }
}
