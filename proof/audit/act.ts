import { DeviceId, DocumentId, systemIds } from "@strongroom/core/ids";
import { editDocument } from "@strongroom/core/document/edit-document";
import type { Ports } from "@strongroom/core/ports/ports";
import { eraseDocument } from "@strongroom/core/retention/erase-document";
import { holdDocument } from "@strongroom/core/retention/hold-document";
import { acceptUpload } from "@strongroom/core/upload/accept-upload";
import { dropDevice } from "@strongroom/core/user/drop-device";
import { editMe } from "@strongroom/core/user/edit-me";
import { registerDevice } from "@strongroom/core/user/register-device";
import type { Actor } from "@strongroom/core/user/user";

/** What must stand in the audit because somebody did it: `tenant actor action subject`. */
export type Ledger = string[];

type Act = (ports: Ports, actor: Actor, admin: Actor) => Promise<Ledger>;

const line = ({ tenantId, userId }: Actor, action: string, subject: string): string =>
  `${tenantId} user:${userId} ${action} ${subject}`;

const changeName: Act = async (ports, actor) => {
  await editMe(ports, actor, { name: `Name ${systemIds.uuid()}` });
  return [line(actor, "user.edited", actor.userId)];
};

const useDevice: Act = async (ports, actor) => {
  const id = DeviceId.parse(systemIds.uuid());
  await registerDevice(ports, actor, { deviceId: id, platform: "web", pushToken: id });
  await dropDevice(ports, actor, id);
  return [line(actor, "device.registered", id), line(actor, "device.dropped", id)];
};

/** Announced, edited, held, in vain erased, released, erased. */
const live: Act = async (ports, actor, admin) => {
  const documentId = DocumentId.parse(systemIds.uuid());
  const file = { name: "a.jpg", mediaType: "image/jpeg", sizeBytes: 10, sha256: "a".repeat(64) };
  await acceptUpload(ports, actor, { id: documentId, kind: "cmr", files: [file] });
  await editDocument(ports, actor, { documentId, ifMatch: null, edit: { note: "as it was" } });
  const hold = (held: boolean) =>
    holdDocument(ports, admin, { documentId, ifMatch: null, hold: { held, reason: "audit" } });
  await hold(true);
  const refused = await eraseDocument(ports, admin, documentId).catch(
    (error: { code?: string }) => error.code,
  );
  if (refused !== "held") throw new Error(`erased under a hold: ${refused}`);
  await hold(false);
  await eraseDocument(ports, admin, documentId);
  return [
    line(actor, "upload.accepted", documentId),
    line(actor, "document.edited", documentId),
    line(admin, "document.held", documentId),
    line(admin, "document.released", documentId),
    line(admin, "document.erased", documentId),
  ];
};

const acts: Act[] = [changeName, useDevice, changeName, live];

/** At least so many audited actions, `atOnce` people at a time; answers what each of them was told was done. */
export async function actAtOnce(
  ports: Ports,
  people: { actor: Actor; admin: Actor }[],
  { actions, atOnce }: { actions: number; atOnce: number },
): Promise<Ledger> {
  const ledger: Ledger = [];
  let turn = 0;
  const work = async () => {
    while (ledger.length < actions) {
      const { actor, admin } = people[turn % people.length]!;
      turn += 1;
      ledger.push(...(await acts[turn % acts.length]!(ports, actor, admin)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return ledger;
}
