/** A content type, taken apart. */
export interface ContentType {
  /** `application/json`: in lower case, without parameters. */
  readonly mediaType: string;
  /** The `charset` parameter, in lower case. */
  readonly charset: string | undefined;
}

const CHARSET = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]*))/i;

/** Reads a `content-type` property: `Application/JSON; charset=UTF-8`. */
export function parseContentType(text: string): ContentType {
  const charset = CHARSET.exec(text);
  return {
    mediaType: (text.split(';', 1)[0] ?? '').trim().toLowerCase(),
    charset: (charset?.[1] ?? charset?.[2])?.toLowerCase(),
  };
}
