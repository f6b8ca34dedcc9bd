/** A change of one source file; `find` must stand in it exactly once. */
type Patch = { file: string; find: string; replace: string };
/** A bug of the kind that lost somebody's data, planted into the product's own source. */
export type Plant = { name: string; patches: readonly Patch[] };

const document = "packages/core/src/document";
const job = "packages/core/src/job";
const upload = "packages/core/src/upload";

const leaseFree =
  "where(sql<boolean>`(lease_until is null or lease_until + ${restMs(leaseMs)} < clock_timestamp())`)";
const overdue = 'where("grant_expires_at", "<", ago(0))';
const sevenDaysOld = 'where("created_at", "<", ago(604_800_000))';

/** The bugs that the simulation must find. Each one has been in somebody's product. */
export const plants: readonly Plant[] = [
  {
    name: "no fence",
    patches: [
      {
        file: `${document}/move-document.ts`,
        find: '.$if(move.token !== undefined, (query) => query.where("lease_token", "=", move.token!))',
        replace: "",
      },
    ],
  },
  {
    name: "ack before commit",
    patches: [
      {
        file: "packages/eks-workers/src/notifier.ts",
        find: "await notifyUser({ ...ports, push }, record);",
        replace: "void notifyUser({ ...ports, push }, record).catch(() => {});",
      },
    ],
  },
  {
    name: "id cursor",
    patches: [
      {
        file: "packages/core/src/event/relay-events.ts",
        find: `return await ports.database.system
    .selectFrom("outbox")
    .selectAll()
    .where("published_at", "is", null)`,
        replace: `const last = await ports.database.system
    .selectFrom("outbox")
    .select(({ fn }) => fn.max("id").as("id"))
    .where("published_at", "is not", null)
    .executeTakeFirst();
  return await ports.database.system
    .selectFrom("outbox")
    .selectAll()
    .where("id", ">", last?.id ?? 0)`,
      },
    ],
  },
  {
    name: "stale rescuer",
    patches: [
      { file: `${job}/claim-document.ts`, find: `      .${leaseFree}\n`, replace: "" },
      {
        file: `${job}/claim-document.ts`,
        find: '  const claimed = tx.with("claimed",',
        replace: `  const free = await tx.selectFrom("document").select("id").where("id", "=", documentId).${leaseFree}.executeTakeFirst();
  if (!free) return undefined;
  const claimed = tx.with("claimed",`,
      },
    ],
  },
  {
    name: "reaper by created_at",
    patches: [
      {
        file: `${upload}/expire-grants.ts`,
        find: `.${overdue};`,
        replace: `.${sevenDaysOld};`,
      },
      {
        file: `${upload}/expire-grants.ts`,
        find: `.${overdue}\n    .executeTakeFirst`,
        replace: `.${sevenDaysOld}\n    .executeTakeFirst`,
      },
      {
        file: `${upload}/expire-grants.ts`,
        find: "greatest(rung_at, grant_expires_at)",
        replace: "coalesce(rung_at, '-infinity')", // or those that are not over would be passed over all the same
      },
    ],
  },
  {
    name: "duplicate check counts failed",
    patches: [
      {
        file: `${document}/document.ts`,
        find: 'liveStates = ["received", "processing",',
        replace: 'liveStates = ["failed", "received", "processing",',
      },
    ],
  },
  {
    name: "collection without grace",
    patches: [
      {
        file: `${document}/collect-vault.ts`,
        find: "if (!parts.success || modifiedAt.getTime() > oldest) continue;",
        replace:
          "if (!parts.success || modifiedAt.getTime() > oldest + ports.config.periods.orphanGrace) continue;",
      },
    ],
  },
  {
    name: "shared vault key",
    patches: [
      {
        file: `${document}/seal-document.ts`,
        find: "${vaultPrefix({ tenantId, documentId })}${attempt}/${artefact}`;",
        replace: "${vaultPrefix({ tenantId, documentId })}${attempt && 0}/${artefact}`;",
      },
    ],
  },
  {
    name: "412 taken as own",
    patches: [
      {
        file: `${document}/seal-document.ts`,
        find: `  if (stored.outcome === "exists") throw new LoneFault(\`the vault key of this very attempt is taken: \${key}\`);
  const { versionId, sent } = stored;`,
        replace: `  const there412 = stored.outcome === "exists" ? await ports.objects.head(key) : null;
  const { versionId, sent } =
    stored.outcome === "exists"
      ? { versionId: there412!.versionId, sent: { sha256: there412!.sha256!, fingerprint: there412!.sha256! } }
      : stored;`,
      },
    ],
  },
  {
    name: "clean release counted as crash",
    patches: [
      {
        file: `${job}/release-document.ts`,
        find: "const { kept } = await release(ports, claim, { lease_until: null });",
        replace:
          "const { kept } = await release(ports, claim, { lease_until: null, claims: claim.document.claims + 1 } as never);",
      },
    ],
  },
  {
    name: "retry without same-request check",
    patches: [
      {
        file: `${upload}/repeat-upload.ts`,
        find: "if (known.owner_id !== actor.userId || known.request_sha256 !== wanted.sha256) {",
        replace: "if (known.owner_id !== actor.userId) {",
      },
    ],
  },
  {
    name: "source deleted before commit",
    patches: [
      {
        file: `${document}/process-document.ts`,
        find: "  await storeDocument(ports, claim, {",
        replace: `  for (const file of files) {
    const there = await ports.objects.head(file.staging_key);
    if (there) await ports.objects.remove(file.staging_key, there.versionId);
  }
  await storeDocument(ports, claim, {`,
      },
    ],
  },
];
