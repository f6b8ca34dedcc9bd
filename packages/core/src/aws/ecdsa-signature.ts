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
  const significant = digits.subarray(
    Math.max(
      0,
      digits.findIndex((byte) => byte !== 0),
    ),
  );
  if (tag !== 0x02 || length === 0 || end > der.length || significant.length > coordinateBytes)
    throw new Error("not an ECDSA signature in DER");
  const padded = new Uint8Array(coordinateBytes);
  padded.set(significant, coordinateBytes - significant.length);
  return [padded, end];
}
