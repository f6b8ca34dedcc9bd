type Told = {
  status: number;
  /** For a client, in one sentence or two. */
  remedy: string;
  /** Where the words of the code read oddly. */
  title?: string;
};

const table: Readonly<Record<string, Told>> = {
  invalid_request: {
    status: 400,
    remedy: "Correct what `faults` names; the same request is refused again.",
  },
  invalid_cursor: { status: 400, remedy: "Begin the list anew, without `cursor`." },
  invalid_parts: {
    status: 400,
    remedy: "Send `parts` for a file above 16 MiB, one SHA-256 for each 8 MiB of it, and for no other.",
  },
  repeated_page: { status: 400, remedy: "Name each page to keep once." },
  body_too_slow: { status: 400, remedy: "Send the request again; its body did not come in time." },
  token_missing: { status: 401, remedy: "Send `Authorization: Bearer` with an access token." },
  token_invalid: {
    status: 401,
    remedy: "Get a new access token from the issuer and send the request again.",
  },
  unknown_person: { status: 403, remedy: "Have the person added to the tenant." },
  disabled: { status: 403, remedy: "Stop: the person's access was switched off." },
  not_allowed: { status: 403, remedy: "Stop: the person's role may not do this (`x-roles`)." },
  invalid_ticket: { status: 403, remedy: "Get a new ticket; one works for 60 seconds." },
  origin: { status: 403, remedy: "Use the public address of the service." },
  not_found: {
    status: 404,
    remedy: "Check the address and the id. What a person may not see is answered like what never was.",
  },
  no_such_artefact: { status: 404, remedy: "Choose one of the document's `artefacts`." },
  unknown_replaced: {
    status: 404,
    remedy: "Replace one of the person's own documents, or leave out `replaces`.",
    title: "Unknown document to replace",
  },
  method_not_allowed: { status: 405, remedy: "Use a method that the header `Allow` names." },
  id_taken: { status: 409, remedy: "Make a new id (UUIDv7) and announce again." },
  already_replaced: { status: 409, remedy: "Replace the document that `supersededBy` names." },
  already_received: {
    status: 409,
    remedy: "Announce a new document that `replaces` this one; its pages are final.",
  },
  unknown_page: { status: 409, remedy: "Load the document again and name pages that it has." },
  upload_incomplete: { status: 409, remedy: "Send the pages that `missing` names, then complete again." },
  not_stored: { status: 409, remedy: "Wait until the document is stored; nothing of it can be read before." },
  no_receipt_yet: {
    status: 409,
    remedy: "Ask again after `Retry-After`; without it, there is none unless the document is stored.",
  },
  not_failed: { status: 409, remedy: "Nothing: only failed documents are sent their way again." },
  held: { status: 409, remedy: "Wait until every hold is over or lifted, then erase." },
  in_processing: { status: 409, remedy: "Erase again after `Retry-After`." },
  being_erased: { status: 409, remedy: "Nothing: a hold comes too late." },
  device_taken: { status: 409, remedy: "Make a new device id." },
  grant_expired: { status: 410, remedy: "Announce the same document again, with the same id." },
  erased: { status: 410, remedy: "Forget the document and do not send it again." },
  changed_meanwhile: { status: 412, remedy: "Load the document again and repeat the change on it." },
  body_too_large: { status: 413, remedy: "Send less than 256 KiB; bytes of files go to the signed URLs." },
  too_many_files: { status: 413, remedy: "Split the document: it has at most 50 files." },
  file_too_large: { status: 413, remedy: "Make the file smaller: it has at most 50 MiB." },
  document_too_large: { status: 413, remedy: "Split the document: it has at most 200 MiB." },
  unsupported_media_type: { status: 415, remedy: "Send `application/json` in UTF-8, not compressed." },
  unknown_kind: { status: 422, remedy: "Choose one of `GET /v1/kinds`." },
  empty_file: { status: 422, remedy: "Take the photo or choose the file again: it has no bytes." },
  hold_over: {
    status: 422,
    remedy: "Give an end that is still to come, or none.",
    title: "End of the hold is past",
  },
  quota_exceeded: { status: 429, remedy: "Keep the files and send them after `Retry-After`." },
  too_many_searches: {
    status: 429,
    remedy: "Send the same search after `Retry-After`; others of the tenant are still under way.",
  },
  rate_limited: { status: 429, remedy: "Send the same request after `Retry-After`." },
  internal: { status: 500, remedy: "Send the same request later; `instance` names it in our log." },
  damaged: {
    status: 500,
    remedy:
      "Tell the operator, and do not repeat it: the stored copy is not as it was sealed, and has to be brought back first.",
  },
  unavailable: { status: 503, remedy: "Send the same request after `Retry-After`." },
  overloaded: { status: 503, remedy: "Keep the files and send them after `Retry-After`." },
};

/** Every code of a problem that answers a request, with its one status and what a client does about it. */
export const problemCodes: ReadonlyMap<string, Told> = new Map(Object.entries(table));
