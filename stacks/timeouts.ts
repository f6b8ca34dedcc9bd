/** An HTTP API waits 30 s at most; the handlers' own deadline is shorter. */
export const apiTimeoutSeconds = 29;
/** Ten notifications at once, each a HEAD and a transaction. */
export const ingestTimeoutSeconds = 30;
/** A stream waits for whoever reads: 50 MiB then need 1.4 Mbit/s. What reads slowly on purpose holds a function for no longer. */
export const readerTimeoutSeconds = 300;
/** One round of the reconciler; a sweep over all of staging and vault. */
export const reconcileTimeoutSeconds = 55;
export const sweepTimeoutSeconds = 900;
