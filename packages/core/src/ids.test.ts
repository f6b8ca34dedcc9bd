import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  confirmationAlphabet,
  confirmationCode,
  DocumentId,
  type Ids,
  systemIds,
  TenantId,
  uuidv7,
} from "./ids.ts";

/** Ids whose randomness is these bytes, again and again. */
const idsOf = (bytes: Uint8Array): Ids => {
  let next = 0;
  return {
    uuid: () => "",
    random: (length) => Uint8Array.from({ length }, () => bytes[next++ % bytes.length]!),
  };
};
const random16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const letters = Array.from(confirmationAlphabet);
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe("a UUIDv7", () => {
  it("is valid and holds its time, whatever the time and the random bytes", () => {
    fc.assert(
      fc.property(time, random16, (ms, random) => {
        const id = uuidv7(ms, random);
        expect(DocumentId.parse(id)).toBe(id);
        expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(ms);
      }),
    );
  });

  it("sorts as text by its time", () => {
    fc.assert(
      fc.property(time, time, random16, random16, (one, other, first, second) => {
        fc.pre(one !== other);
        expect(uuidv7(one, first) < uuidv7(other, second)).toBe(one < other);
      }),
    );
  });

  it("keeps all random bits that are its own, and leaves the caller's bytes alone", () => {
    fc.assert(
      fc.property(random16, (random) => {
        const copy = Uint8Array.from(random);
        const bytes = Buffer.from(uuidv7(0, random).replaceAll("-", ""), "hex");
        expect(random).toEqual(copy);
        expect([bytes[6]! & 0x0f, bytes[7], bytes[8]! & 0x3f, ...bytes.subarray(9)]).toEqual([
          random[6]! & 0x0f,
          random[7],
          random[8]! & 0x3f,
          ...random.subarray(9),
        ]);
      }),
    );
  });

  it("of this machine bears the time of now, and is another each time", () => {
    const before = Date.now();
    const made = Array.from({ length: 1_000 }, () => systemIds.uuid());
    const times = made.map((id) => Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));
    expect(new Set(made).size).toBe(1_000);
    expect(times.every((ms) => ms >= before && ms <= Date.now())).toBe(true);
  });
});

describe("ids", () => {
  it("are lower case inside, however they come", () => {
    const id = systemIds.uuid();
    expect(DocumentId.parse(id.toUpperCase())).toBe(id);
    expect(TenantId.parse(id.toUpperCase())).toBe(id);
  });

  it("of documents are of version 7; those of tenants may be of any", () => {
    const four = "6f1d0c52-3a0e-4c5b-9d57-0a4b8c1f7e01";
    expect(TenantId.safeParse(four).success).toBe(true);
    expect(DocumentId.safeParse(four).success).toBe(false);
    for (const text of ["", "1", `${systemIds.uuid()} `, systemIds.uuid().replaceAll("-", "")])
      expect(DocumentId.safeParse(text).success).toBe(false);
  });
});

describe("a confirmation code", () => {
  it("is eight letters and digits without look-alikes in two groups, from any source of randomness", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), (bytes) => {
        fc.pre(bytes.some((byte) => byte < 253));
        const code = confirmationCode(idsOf(bytes));
        expect(code).toMatch(/^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
        expect(Array.from(code.replace("-", "")).filter((letter) => !letters.includes(letter))).toEqual([]);
      }),
    );
  });

  it("has an alphabet of letters that are each there once, and none that is taken for another", () => {
    expect(new Set(confirmationAlphabet).size).toBe(confirmationAlphabet.length);
    expect(Array.from("0O1IL2Z5S8BUV").filter((letter) => letters.includes(letter))).toEqual([]);
  });

  it("favours no letter: each of the 23 stands for eleven bytes, and the three bytes left over stand for none", () => {
    const bytesOf = new Map<string | undefined, number>();
    for (let byte = 0; byte < 256; byte++) {
      let asked = 0;
      const code = confirmationCode({
        uuid: () => "",
        random: (length) => new Uint8Array(length).fill(asked++ === 0 ? byte : 0),
      });
      const letter = asked === 1 ? code[0] : undefined; // asked for more: this byte was passed over
      bytesOf.set(letter, (bytesOf.get(letter) ?? 0) + 1);
    }
    expect(bytesOf.get(undefined)).toBe(3);
    bytesOf.delete(undefined);
    expect(new Set(bytesOf.keys())).toEqual(new Set(letters));
    expect([...bytesOf.values()].every((count) => count === 11)).toBe(true);
  });
});
