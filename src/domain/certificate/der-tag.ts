/** Identifier octets (X.690 §8.1.2) of what X.509 and PKCS#10 use; all of them are one byte long. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific, primitive: an IMPLICIT tag over a primitive type. X.690 §8.14.4. */
export const implicitTag = (number: number): number => 0x80 | number;

/** Context-specific, constructed: an EXPLICIT tag, or IMPLICIT over a SEQUENCE or SET. X.690 §8.14.3. */
export const explicitTag = (number: number): number => 0xa0 | number;
