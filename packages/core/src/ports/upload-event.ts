import * as z from "zod";

const Notification = z.union([
  z.object({ Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })) }),
  z.object({ Event: z.literal("s3:TestEvent") }).transform(() => ({ Records: [] })),
]);

/** Keys in an object-created notification as S3 writes it (keys are form-encoded); none in its test event. */
export function readUploadEvent(body: string): string[] {
  const { Records } = Notification.parse(JSON.parse(body));
  return Records.map(({ s3 }) => decodeURIComponent(s3.object.key.replaceAll("+", " ")));
}

/** The same notification, for stores that have to write it themselves. */
export function writeUploadEvent(key: string): string {
  const encoded = key.split("/").map(encodeURIComponent).join("/");
  return JSON.stringify({ Records: [{ eventName: "ObjectCreated:Put", s3: { object: { key: encoded } } }] });
}
