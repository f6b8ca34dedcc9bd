import * as z from "zod";
import {
  AcceptUploadRequest,
  AuditList,
  ContentQuery,
  Device,
  DeviceList,
  DeviceRequest,
  DocumentList,
  DocumentReply,
  EditDocumentRequest,
  EditMeRequest,
  Health,
  HoldRequest,
  KindList,
  ListAuditQuery,
  ListDocumentsQuery,
  Me,
  PublicKeySet,
  Ticket,
  TicketRequest,
  UploadReply,
} from "./api-shapes.ts";
import { DeviceId, DocumentId } from "./ids.ts";
import { deviceLimits, type Role } from "./user/user.ts";

/** Who may call: anybody; whoever holds a ticket; a person with one of these roles. */
export type Access = "public" | "ticket" | readonly Role[];
export type Route = {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  summary: string;
  access: Access;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodObject;
  /** Null schema: not JSON; `contentType` says what. */
  reply: { status: 200 | 201 | 204; schema: z.ZodType | null; contentType?: string };
};

const everybody = ["driver", "agent", "admin", "operator"] as const;
const documentParams = z.strictObject({ id: DocumentId });
const deviceParams = z.strictObject({ id: DeviceId });

/** The HTTP contract, in the order that a document meets it. A route's name is its use-case and its handler's file. */
export const routes = {
  acceptUpload: {
    method: "POST",
    path: "/v1/documents",
    access: everybody,
    body: AcceptUploadRequest,
    summary:
      "Announce a document and get one signed upload per file; the same id and request answer the same again",
    reply: { status: 201, schema: UploadReply },
  },
  editDocument: {
    method: "PATCH",
    path: "/v1/documents/{id}",
    access: everybody,
    params: documentParams,
    body: EditDocumentRequest,
    summary: "Change kind, load number or note at any time, and pages until the document is received",
    reply: { status: 200, schema: UploadReply },
  },
  signUploads: {
    method: "POST",
    path: "/v1/documents/{id}/uploads",
    access: everybody,
    params: documentParams,
    summary: "Sign anew what is still to be uploaded",
    reply: { status: 200, schema: UploadReply },
  },
  completeUpload: {
    method: "POST",
    path: "/v1/documents/{id}/complete",
    access: everybody,
    params: documentParams,
    summary: "Say that every file is uploaded; answers with the confirmation code",
    reply: { status: 200, schema: DocumentReply },
  },
  listDocuments: {
    method: "GET",
    path: "/v1/documents",
    access: everybody,
    query: ListDocumentsQuery,
    summary: "List and search documents, newest first; a driver sees their own",
    reply: { status: 200, schema: DocumentList },
  },
  showDocument: {
    method: "GET",
    path: "/v1/documents/{id}",
    access: everybody,
    params: documentParams,
    summary: "State, reason, pages, artefacts and timeline of one document",
    reply: { status: 200, schema: DocumentReply },
  },
  redriveDocument: {
    method: "POST",
    path: "/v1/documents/{id}/redrive",
    access: ["agent", "admin"],
    params: documentParams,
    summary: "Send a failed document its way again",
    reply: { status: 200, schema: DocumentReply },
  },
  issueTicket: {
    method: "POST",
    path: "/v1/documents/{id}/tickets",
    access: everybody,
    params: documentParams,
    body: TicketRequest,
    summary: "A URL that opens one artefact for 60 seconds",
    reply: { status: 201, schema: Ticket },
  },
  readDocument: {
    method: "GET",
    path: "/v1/documents/{id}/content",
    access: "ticket",
    params: documentParams,
    query: ContentQuery,
    summary: "The bytes of one artefact, verified while they stream",
    reply: { status: 200, schema: null, contentType: "application/octet-stream" },
  },
  holdDocument: {
    method: "POST",
    path: "/v1/documents/{id}/hold",
    access: ["admin"],
    params: documentParams,
    body: HoldRequest,
    summary: "Set a hold on a document, or lift it; while it lasts nobody can erase the document",
    reply: { status: 200, schema: DocumentReply },
  },
  eraseDocument: {
    method: "DELETE",
    path: "/v1/documents/{id}",
    access: ["admin"],
    params: documentParams,
    summary:
      "Erase a document for good; answers the signed certificate of it, a compact JWS (ES256), and the same one again",
    reply: { status: 200, schema: null, contentType: "application/jose" },
  },
  readReceipt: {
    method: "GET",
    path: "/v1/documents/{id}/receipt",
    access: everybody,
    params: documentParams,
    summary: "The signed receipt of a stored document, a compact JWS (ES256)",
    reply: { status: 200, schema: null, contentType: "application/jose" },
  },
  showMe: {
    method: "GET",
    path: "/v1/me",
    access: everybody,
    summary: "Who I am",
    reply: { status: 200, schema: Me },
  },
  editMe: {
    method: "PUT",
    path: "/v1/me",
    access: everybody,
    body: EditMeRequest,
    summary: "Change my name or language",
    reply: { status: 200, schema: Me },
  },
  listDevices: {
    method: "GET",
    path: "/v1/me/devices",
    access: everybody,
    summary: `My devices that get pushes, ${deviceLimits.perPerson} at most, in the order of registration`,
    reply: { status: 200, schema: DeviceList },
  },
  registerDevice: {
    method: "PUT",
    path: "/v1/me/devices/{id}",
    access: everybody,
    params: deviceParams,
    body: DeviceRequest,
    summary: `Register a device, or give it a new push token, at each start of the app: the token is taken from other devices of the tenant, and of more than ${deviceLimits.perPerson} devices the one registered longest ago gets no more pushes`,
    reply: { status: 200, schema: Device },
  },
  dropDevice: {
    method: "DELETE",
    path: "/v1/me/devices/{id}",
    access: everybody,
    params: deviceParams,
    summary: "Send no more pushes to a device",
    reply: { status: 204, schema: null },
  },
  listKinds: {
    method: "GET",
    path: "/v1/kinds",
    access: everybody,
    summary: "Kinds of documents, and for how many days each has to be kept; nothing is erased by itself",
    reply: { status: 200, schema: KindList },
  },
  listAudit: {
    method: "GET",
    path: "/v1/audit",
    access: ["admin"],
    query: ListAuditQuery,
    summary: "The tenant's audit trail in the order of its chain, from the first entry on",
    reply: { status: 200, schema: AuditList },
  },
  receiptKeys: {
    method: "GET",
    path: "/v1/receipt-keys",
    access: "public",
    summary: "Public keys of receipts (JWKS)",
    reply: { status: 200, schema: PublicKeySet },
  },
  showHealth: {
    method: "GET",
    path: "/health",
    access: "public",
    summary: "Whether work flows, and how decode children are isolated",
    reply: { status: 200, schema: Health },
  },
  showReady: {
    method: "GET",
    path: "/ready",
    access: "public",
    summary: "Whether this instance can take requests",
    reply: { status: 200, schema: z.object({ status: z.literal("ready") }) },
  },
  describeApi: {
    method: "GET",
    path: "/openapi.json",
    access: "public",
    summary: "This API as OpenAPI 3.1",
    reply: { status: 200, schema: z.record(z.string(), z.unknown()) },
  },
} as const satisfies Record<string, Route>;
export type RouteName = keyof typeof routes;
