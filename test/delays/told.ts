/** What an application tells. `late`: ms after the message was due. `unknown`: headers that nobody has published. */
export type Told =
  | { readonly kind: 'ready' }
  | { readonly kind: 'confirmed'; readonly n: number }
  | { readonly kind: 'failed'; readonly n: number; readonly error: string }
  | { readonly kind: 'handled'; readonly n: number; readonly late: number; readonly unknown: readonly string[] };
