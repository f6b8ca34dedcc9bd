import type { RouteName } from "@strongroom/core/api";
import type { RouteHandler } from "./gateway.ts";

/** Brings the handler of a route when it is first asked for. */
export type LoadHandler = () => Promise<{ handler: RouteHandler }>;

/** The handler of each route. A file bears the route's name in kebab-case; stacks name the same files as strings. */
export const handlers = {
  acceptUpload: () => import("./api/accept-upload.ts"),
  editDocument: () => import("./api/edit-document.ts"),
  signUploads: () => import("./api/sign-uploads.ts"),
  completeUpload: () => import("./api/complete-upload.ts"),
  listDocuments: () => import("./api/list-documents.ts"),
  showDocument: () => import("./api/show-document.ts"),
  redriveDocument: () => import("./api/redrive-document.ts"),
  issueTicket: () => import("./api/issue-ticket.ts"),
  readDocument: () => import("./reader/read-document.ts"),
  holdDocument: () => import("./api/hold-document.ts"),
  eraseDocument: () => import("./api/erase-document.ts"),
  readReceipt: () => import("./api/read-receipt.ts"),
  showMe: () => import("./api/show-me.ts"),
  editMe: () => import("./api/edit-me.ts"),
  listDevices: () => import("./api/list-devices.ts"),
  registerDevice: () => import("./api/register-device.ts"),
  dropDevice: () => import("./api/drop-device.ts"),
  listKinds: () => import("./api/list-kinds.ts"),
  listAudit: () => import("./api/list-audit.ts"),
  receiptKeys: () => import("./api/receipt-keys.ts"),
  showHealth: () => import("./api/show-health.ts"),
  showReady: () => import("./api/show-ready.ts"),
  describeApi: () => import("./api/describe-api.ts"),
} satisfies Record<RouteName, LoadHandler>;
