/** An HTTP API waits 30 s at most; the handlers' own deadline is shorter. */
export const apiTimeoutSeconds = 29;
/** Ten notifications at once, each a HEAD and a transaction. */
export const ingestTimeoutSeconds = 30;
/** 50 MiB at the 2 MB/s that a streamed answer is held to, and some. */
export const readerTimeoutSeconds = 120;
/** One round of the reconciler; a sweep over all of staging and vault. */
export const reconcileTimeoutSeconds = 55;
export const sweepTimeoutSeconds = 900;
