import { rgb } from "pdf-lib";
import type { Pen } from "./paper.ts";

/** Everybody and everything here is invented. */
const sender = ["Mühlbach Papier GmbH", "Industriestrasse 14", "79618 Rheinfelden"];
const consignee = ["Grafica Lariana S.r.l.", "Via dei Tintori 8", "22100 Como"];
const load = "LOAD 48213";

const goods = [
  ["4 PAL", "Offset paper 115 g, 64 x 90 cm", "2 180"],
  ["6 PAL", "Offset paper 90 g, 70 x 100 cm", "3 240"],
  ["2 PAL", "Cover board 300 g, 64 x 90 cm", "1 260"],
  ["1 PAL", "Samples and wrapping material", "140"],
];

const signatures = {
  driver: "M0 18 C8 -14 14 -8 12 14 S24 26 30 4 S38 -6 40 12 S54 22 60 8 S76 2 96 10",
  warehouse: "M0 10 C14 -18 20 30 32 6 C38 -8 44 24 50 8 S60 -4 66 12 L88 2",
  office: "M0 14 C6 -10 16 -12 18 8 C20 26 8 24 10 10 C16 -6 34 -8 40 12 S58 16 70 4 L104 8",
};

/** Delivery note with four lines of goods, a note by hand and two signatures. */
export function deliveryNote(pen: Pen): void {
  pen.text(48, 64, "DELIVERY NOTE", { size: 24, bold: true });
  pen.text(400, 56, "No.  DN-2025-03417", { size: 12, bold: true });
  pen.text(400, 74, "Date  4 March 2025", { size: 11 });
  pen.line(48, 84, 547, 84, 1.6);
  address(pen, 48, 108, "Sender", sender);
  address(pen, 310, 108, "Deliver to", consignee);
  pen.text(48, 208, "Carrier:  Transporte Oberrhein AG, Basel", { size: 11 });
  pen.text(48, 226, `Truck:  BS 61 407     Trailer:  BS 3 920     ${load}`, { size: 11 });
  table(pen, 48, 250, 499);
  pen.text(48, 470, "Total  13 pallets    gross 6 820 kg", { size: 13, bold: true });
  pen.text(48, 496, "Goods received complete and undamaged unless noted below.", { size: 10.5 });
  pen.box(48, 512, 499, 92);
  pen.text(54, 526, "Remarks", { size: 9 });
  pen.typed(64, 556, "1 pallet corner crushed, wrap torn, see photo", 14);
  pen.typed(64, 580, "13 EUR pallets exchanged", 14);
  signature(pen, 48, 700, "Driver", signatures.driver);
  signature(pen, 310, 700, "Received by", signatures.warehouse);
  pen.stamp(470, 650, ["GRAFICA LARIANA", "05 MAR 2025", "MAGAZZINO"]);
  pen.text(48, 790, "Mühlbach Papier GmbH  -  Rheinfelden  -  DN-2025-03417  -  page 1 of 1", { size: 8.5 });
}

/** One copy of a road consignment note; the copies differ in what is filled in. */
export function consignmentNote(copy: 1 | 2 | 3): (pen: Pen) => void {
  const owner = ["Copy for sender", "Copy for consignee", "Copy for carrier"][copy - 1]!;
  return (pen) => {
    pen.text(48, 44, `${copy}`, { size: 22, bold: true });
    pen.text(72, 42, owner, { size: 11, bold: true });
    pen.text(330, 42, "INTERNATIONAL CONSIGNMENT NOTE", { size: 11.5, bold: true });
    pen.text(330, 58, "CMR   No.  CH 0 774 812", { size: 12, bold: true });
    field(pen, 48, 70, 250, 84, "1  Sender (name, address, country)", [...sender, "Germany"]);
    field(pen, 48, 154, 250, 84, "2  Consignee (name, address, country)", [...consignee, "Italy"]);
    field(pen, 48, 238, 250, 52, "3  Place of delivery", ["Como, Italy"]);
    field(pen, 48, 290, 250, 52, "4  Place and date of taking over", ["Rheinfelden   04.03.2025"]);
    field(pen, 298, 70, 249, 84, "16  Carrier", [
      "Transporte Oberrhein AG",
      "Hafenstrasse 31, 4057 Basel",
      "BS 61 407 / BS 3 920",
    ]);
    field(pen, 298, 154, 249, 84, "17  Successive carriers", ["none"]);
    field(
      pen,
      298,
      238,
      249,
      52,
      "18  Reservations of the carrier",
      copy === 3 ? ["1 PAL corner crushed"] : [""],
    );
    field(pen, 298, 290, 249, 52, "5  Documents attached", ["DN-2025-03417", load]);
    table(pen, 48, 342, 499);
    field(pen, 48, 548, 250, 60, "13  Sender's instructions", ["Keep dry. Call 1 h before."]);
    field(pen, 298, 548, 249, 60, "19  To be paid by", ["Sender  100 %"]);
    field(pen, 48, 608, 499, 34, "21  Established in", ["Rheinfelden, 04.03.2025"]);
    field(pen, 48, 642, 166, 130, "22  Sender", [""]);
    field(pen, 214, 642, 166, 130, "23  Carrier", [""]);
    field(pen, 380, 642, 167, 130, "24  Goods received", [""]);
    pen.ink(74, 710, signatures.office, 1.1);
    if (copy !== 1) pen.ink(240, 706, signatures.driver, 1.15);
    if (copy === 3) {
      pen.ink(410, 700, signatures.warehouse, 1.2);
      pen.stamp(464, 738, ["GRAFICA LARIANA", "05 MAR 2025", "MAGAZZINO"]);
    }
  };
}

/** A driving licence of no country at all, 86 × 54 mm. */
export function licence(pen: Pen): void {
  pen.box(0, 0, 243, 153, rgb(0.93, 0.84, 0.87));
  pen.text(64, 18, "DRIVING LICENCE", { size: 11, bold: true });
  pen.text(10, 18, "SAMPLE", { size: 9, bold: true });
  pen.box(10, 34, 58, 74, rgb(0.78, 0.8, 0.83));
  pen.ink(24, 52, "M15 0 C27 0 27 22 15 22 S3 0 15 0 M0 48 C0 28 30 28 30 48", 1);
  const lines = [
    "1.  BERTSCHI",
    "2.  NOEMI",
    "3.  17.08.1988  BASEL",
    "4a. 11.02.2019   4b. 10.02.2034",
    "4c. SAMPLE OFFICE",
    "5.  000 482 13X",
  ];
  lines.forEach((line, index) => pen.text(78, 42 + index * 13, line, { size: 9 }));
  pen.text(78, 124, "9.  B   C   CE", { size: 10, bold: true });
  pen.ink(14, 126, signatures.office, 0.5);
}

/** An invoice of two pages for the carriage. */
export const invoice: ((pen: Pen) => void)[] = [
  (pen) => {
    pen.text(48, 64, "INVOICE", { size: 24, bold: true });
    pen.text(400, 56, "No.  2025-1187", { size: 12, bold: true });
    pen.text(400, 74, "Date  10 March 2025", { size: 11 });
    pen.line(48, 84, 547, 84, 1.6);
    address(pen, 48, 108, "From", ["Transporte Oberrhein AG", "Hafenstrasse 31", "4057 Basel"]);
    address(pen, 310, 108, "To", sender);
    pen.text(48, 220, `Carriage Rheinfelden - Como, ${load}, consignment note CH 0 774 812`, { size: 11 });
    const lines = [
      ["Freight, 13 pallets, 6 820 kg", "1 240.00"],
      ["Diesel surcharge 6.5 %", "80.60"],
      ["Customs clearance Chiasso", "95.00"],
      ["Road tax", "118.40"],
    ];
    lines.forEach(([what, amount], index) => {
      pen.text(48, 262 + index * 22, what!, { size: 11 });
      pen.text(480, 262 + index * 22, amount!, { size: 11 });
      pen.line(48, 269 + index * 22, 547, 269 + index * 22, 0.3);
    });
    pen.text(48, 376, "Total CHF", { size: 13, bold: true });
    pen.text(472, 376, "1 534.00", { size: 13, bold: true });
    pen.text(48, 790, "Invoice 2025-1187  -  page 1 of 2", { size: 8.5 });
  },
  (pen) => {
    pen.text(48, 64, "Terms of payment", { size: 16, bold: true });
    const terms = [
      "Payable within 30 days without deduction.",
      "Please quote invoice 2025-1187 and load 48213.",
      "Pallets: 13 delivered, 13 returned, balance 0.",
      "Waiting time above two hours is charged at CHF 85 per hour.",
      "The signed delivery note and consignment note are attached.",
    ];
    terms.forEach((term, index) => pen.text(48, 104 + index * 24, `${index + 1}.  ${term}`, { size: 11.5 }));
    pen.text(48, 790, "Invoice 2025-1187  -  page 2 of 2", { size: 8.5 });
  },
];

function address(pen: Pen, x: number, y: number, heading: string, lines: string[]): void {
  pen.text(x, y, heading, { size: 9 });
  lines.forEach((line, index) => pen.text(x, y + 18 + index * 16, line, { size: 12.5, bold: index === 0 }));
}

function table(pen: Pen, x: number, y: number, width: number): void {
  pen.box(x, y, width, 26, rgb(0.9, 0.9, 0.9));
  pen.text(x + 8, y + 17, "Quantity", { size: 10, bold: true });
  pen.text(x + 90, y + 17, "Description of goods", { size: 10, bold: true });
  pen.text(x + width - 82, y + 17, "Weight kg", { size: 10, bold: true });
  goods.forEach(([quantity, description, weight], index) => {
    const top = y + 26 + index * 40;
    pen.box(x, top, width, 40);
    pen.typed(x + 8, top + 25, quantity!, 12);
    pen.typed(x + 90, top + 25, description!, 12);
    pen.typed(x + width - 66, top + 25, weight!, 12);
  });
}

function field(
  pen: Pen,
  x: number,
  y: number,
  width: number,
  height: number,
  heading: string,
  lines: string[],
): void {
  pen.box(x, y, width, height);
  pen.text(x + 5, y + 12, heading, { size: 7.5 });
  lines.forEach((line, index) => pen.typed(x + 12, y + 29 + index * 15, line, 11));
}

function signature(pen: Pen, x: number, y: number, who: string, path: string): void {
  pen.ink(x + 30, y - 22, path, 1.5);
  pen.line(x, y + 8, x + 210, y + 8);
  pen.text(x, y + 22, who, { size: 9.5 });
}
