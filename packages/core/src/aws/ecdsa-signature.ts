/** Bytes of one coordinate on P-256. */
const coordinateBytes = 32;

/**
 * An ECDSA signature on P-256 from DER, as KMS gives it (a sequence of two integers, each with its sign bit), to the 64
 * bytes of JWS: r, then s. Throws when it is no such thing.
 */
export function rawSignature(der: Uint8Array): Uint8Array {
  const [tag, length] = der;
  if (tag !== 0x30 || length !== der.length - 2) throw new Error("not an ECDSA signature in DER");
  const [r, afterR] = coordinateAt(der, 2);
  const [s, end] = coordinateAt(der, afterR);
  if (end !== der.length) throw new Error("not an ECDSA signature in DER");
  return Uint8Array.of(...r, ...s);
}

function coordinateAt(der: Uint8Array, at: number): [bytes: Uint8Array, end: number] {
  const [tag, length = 0] = der.subarray(at, at + 2);
  const end = at + 2 + length;
  const digits = der.subarray(at + 2, end);
  const significant = digits[0] === 0 ? digits.subarray(1) : digits;
  if (
    tag !== 0x02 ||
    length === 0 ||
    end > der.length ||
    significant.length > coordinateBytes ||
    !isShortest(digits)
  )
    throw new Error("not an ECDSA signature in DER");
  const padded = new Uint8Array(coordinateBytes);
  padded.set(significant, coordinateBytes - significant.length);
  return [padded, end];
}

/** DER writes a number in one way: with a zero before it where it would be negative otherwise, and only there. */
function isShortest([first = 0, second = 0x80]: Uint8Array): boolean {
  return first === 0 ? second >= 0x80 : first < 0x80;
}
