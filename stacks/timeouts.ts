/** An HTTP API waits 30 s at most; the handlers' own deadline is shorter. */
export const apiTimeoutSeconds = 29;
/** Ten notifications at once, each a HEAD and a transaction. */
export const ingestTimeoutSeconds = 30;
/** All that a function may have: its stream waits for whoever reads, and 50 MiB then need 0.5 Mbit/s (in 120 s, 3.5). */
export const readerTimeoutSeconds = 900;
/** One round of the reconciler; a sweep over all of staging and vault. */
export const reconcileTimeoutSeconds = 55;
export const sweepTimeoutSeconds = 900;
