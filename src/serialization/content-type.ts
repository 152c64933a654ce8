/** A parsed content type. */
export interface ContentType {
  /** The type in lower case without parameters, such as `application/json`. */
  readonly mediaType: string;
  /** The `charset` parameter in lower case. */
  readonly charset: string | undefined;
}

const CHARSET = /;\s*charset\s*=\s*(?:"([^"]*)"|([^\s;]*))/i;

/** Parses a `content-type` property, such as `Application/JSON; charset=UTF-8`. */
export function parseContentType(text: string): ContentType {
  const charset = CHARSET.exec(text);
  return {
    mediaType: (text.split(';', 1)[0] ?? '').trim().toLowerCase(),
    charset: (charset?.[1] ?? charset?.[2])?.toLowerCase(),
  };
}
