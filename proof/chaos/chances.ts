import type { Chance, ClientFault } from "../check/demands.ts";

/** What is told of one connection; each is counted once, however often it is told. */
export type Chances = {
  /** These could strike it, whatever was drawn for it. */
  could: (...faults: ClientFault[]) => void;
  /** This one did. */
  struck: (fault: ClientFault) => void;
};

/** Of a connection that no fault may strike. */
export const noChances: Chances = { could: () => {}, struck: () => {} };

/** Counts connections by the faults that could strike them, and by those that did: whoever strikes them tells it when it has. */
export function openChances() {
  const counted: Partial<Record<ClientFault, Chance>> = {};
  const open = (): Chances => {
    const told = new Set<string>();
    const tell = (fault: ClientFault, what: keyof Chance) => {
      if (told.has(`${what} ${fault}`)) return;
      told.add(`${what} ${fault}`);
      (counted[fault] ??= { asked: 0, struck: 0 })[what] += 1;
    };
    return {
      could: (...faults) => faults.forEach((fault) => tell(fault, "asked")),
      struck: (fault) => {
        tell(fault, "asked");
        tell(fault, "struck");
      },
    };
  };
  return { counted, open };
}
