import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { query } from "@strongroom/local/test-pipeline";
import type { TestWorld } from "@strongroom/local/test-world";
import { headerLengthOf } from "../check/open-sealed.ts";

/** A sealed object of a stored document, by its row. */
export type Sealed = {
  tenant_id: string;
  document_id: string;
  name: string;
  vault_key: string;
  size_bytes: number;
};
/** One thing done to what is stored, and to be found in each of `victims`; `apply` answers how to take it back. */
export type Tampering = {
  kind: Kind;
  title: string;
  victims: readonly [Sealed, ...Sealed[]];
  apply(): Promise<() => Promise<unknown>>;
};
export type Kind = "ciphertext" | "header" | "wrapped key" | "cut" | "swap";
type Scene = { world: TestWorld; objects: readonly Sealed[]; random: () => number };

/** So many tamperings of every kind, each at a place that the random numbers choose. */
export function* tamperings(scene: Scene, counts: Record<Kind, number>): Generator<Tampering> {
  const makers: Record<Kind, (scene: Scene, turn: number) => Tampering> = {
    ciphertext: (here, turn) => flipped(here, turn, "ciphertext"),
    header: (here, turn) => flipped(here, turn, "header"),
    "wrapped key": flippedKey,
    cut,
    swap,
  };
  for (const [kind, count] of Object.entries(counts) as [Kind, number][])
    for (let turn = 0; turn < count; turn += 1) yield makers[kind](scene, turn);
}

const below = (limit: number, random: () => number): number => Math.floor(random() * limit);
const nameOf = ({ name, document_id }: Sealed): string => `${name} of ${document_id}`;
/** Of all documents and all artefacts by and by: seven shares no divisor with eight artefacts. */
const inTurn = ({ objects }: Scene, turn: number): Sealed => objects[(turn * 7) % objects.length]!;

/** The file of an object: its sealed bytes, and behind them the store's own facts, their length (4 bytes) and "SRO1". */
export function lying({ directory }: TestWorld, { vault_key }: Sealed) {
  const path = join(directory, "objects", "vault", `${vault_key.slice("v/".length)}@`);
  return {
    path,
    read: async () => {
      const file = await readFile(path);
      const end = file.length - 8 - file.readUInt32BE(file.length - 8);
      return { file, sealed: file.subarray(0, end), facts: file.subarray(end) };
    },
  };
}

/** Puts other sealed bytes before the facts of an object. */
async function replace(
  world: TestWorld,
  object: Sealed,
  change: (sealed: Buffer) => Uint8Array,
): Promise<() => Promise<void>> {
  const { path, read } = lying(world, object);
  const { file, sealed, facts } = await read();
  await chmod(path, 0o600);
  await writeFile(path, Buffer.concat([change(sealed), facts]));
  return async () => await writeFile(path, file);
}

function flipped(scene: Scene, turn: number, part: "ciphertext" | "header"): Tampering {
  const object = inTurn(scene, turn);
  const [place, bit] = [scene.random(), below(8, scene.random)];
  return {
    kind: part,
    title: `bit ${bit} at ${place} of the ${part} of ${nameOf(object)}`,
    victims: [object],
    apply: () =>
      replace(scene.world, object, (sealed) => {
        const header = headerLengthOf(sealed);
        const [from, length] = part === "header" ? [0, header] : [header, sealed.length - header];
        const at = from + below(length, () => place);
        return sealed.with(at, sealed[at]! ^ (1 << bit));
      }),
  };
}

function cut(scene: Scene, turn: number): Tampering {
  const object = inTurn(scene, turn);
  const place = turn === 0 ? 0 : scene.random();
  return {
    kind: "cut",
    title: `${nameOf(object)} cut to ${place}`,
    victims: [object],
    apply: () =>
      replace(scene.world, object, (sealed) =>
        sealed.subarray(
          0,
          below(sealed.length, () => place),
        ),
      ),
  };
}

const originals = ({ objects }: Scene): Sealed[] => objects.filter(({ name }) => name === "original-1");

function flippedKey(scene: Scene, turn: number): Tampering {
  const all = originals(scene);
  const object = all[turn % all.length]!;
  const bit = below(77 * 8, scene.random);
  const flip = () =>
    query(
      scene.world,
      "update document_key set wrapped = set_bit(wrapped, $2, 1 - get_bit(wrapped, $2)) where document_id = $1",
      [object.document_id, bit],
    );
  return {
    kind: "wrapped key",
    title: `bit ${bit} of the wrapped key of ${object.document_id}`,
    victims: [object],
    apply: async () => (await flip(), flip),
  };
}

type Pair = readonly [one: Sealed, other: Sealed];
const isOfOther = ([one, other]: Pair): boolean =>
  one.document_id !== other.document_id && one.name === other.name;
const isOfOtherTenant = ([one, other]: Pair): boolean => one.tenant_id !== other.tenant_id;
const isSibling = ([one, other]: Pair): boolean =>
  one.document_id === other.document_id && one.name !== other.name;

/** Of one document, and so that length tells nothing: a header holds the artefact's name. */
const isAlike = (pair: Pair): boolean => isSibling(pair) && pair[0].name.length === pair[1].name.length;

/** Whose objects change places, and what of the database goes along, as whoever has both may do. */
const swaps: {
  between: string;
  isPair: (pair: Pair) => boolean;
  along: ((world: TestWorld, pair: Pair) => Promise<unknown>)[];
}[] = [
  { between: "documents", isPair: (pair) => isOfOther(pair) && !isOfOtherTenant(pair), along: [] },
  { between: "artefacts", isPair: isSibling, along: [] },
  { between: "tenants", isPair: (pair) => isOfOther(pair) && isOfOtherTenant(pair), along: [] },
  { between: "documents, with all rows", isPair: isOfOther, along: [exchangeKeys, exchangeManifests] },
  { between: "artefacts, with their manifests", isPair: isAlike, along: [exchangeManifests] },
];

/** There is one of its kind for each of two files. */
const hasTwin = ({ name }: Sealed): boolean => /^(original|page|thumbnail)-/.test(name);

function swap(scene: Scene, turn: number): Tampering {
  const { between, isPair, along } = swaps[turn % swaps.length]!;
  const one = inTurn({ ...scene, objects: scene.objects.filter(hasTwin) }, turn);
  const others = scene.objects.filter((object) => isPair([one, object]));
  const other = others[below(others.length, scene.random)]!;
  return {
    kind: "swap",
    title: `${nameOf(one)} and ${nameOf(other)}, ${between}`,
    victims: [one, other],
    apply: () => exchange(scene.world, [one, other], along),
  };
}

async function exchange(
  world: TestWorld,
  pair: Pair,
  along: (typeof swaps)[number]["along"],
): Promise<() => Promise<void>> {
  const [first, second] = await Promise.all(pair.map((object) => lying(world, object).read()));
  const undo = [
    await replace(world, pair[0], () => second!.sealed),
    await replace(world, pair[1], () => first!.sealed),
  ];
  for (const rows of along) await rows(world, pair);
  return async () => {
    for (const back of undo) await back();
    for (const rows of along) await rows(world, pair); // exchanged twice is as it was
  };
}

async function exchangeKeys(world: TestWorld, [one, other]: Pair): Promise<void> {
  await query(
    world,
    `update document_key k set wrapped = o.wrapped from document_key o
     where (k.document_id, o.document_id) in (($1, $2), ($2, $1))`,
    [one.document_id, other.document_id],
  );
}

async function exchangeManifests(world: TestWorld, [one, other]: Pair): Promise<void> {
  await query(
    world,
    `update artefact a set sha256 = o.sha256, size_bytes = o.size_bytes, sealed_sha256 = o.sealed_sha256,
       sealed_size_bytes = o.sealed_size_bytes
     from artefact o where (a.vault_key, o.vault_key) in (($1, $2), ($2, $1))`,
    [one.vault_key, other.vault_key],
  );
}
