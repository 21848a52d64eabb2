/** Whether `Accept-Encoding` allows gzip (RFC 9110 §12.5.3); without the header it is not asked for. */
export function acceptsGzip(header: string | undefined): boolean {
  let wildcard = false;
  for (const item of (header ?? '').split(',')) {
    const [name, ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const isAllowed = weight === undefined || Number(weight.slice(2)) > 0;
    if (name === 'gzip' || name === 'x-gzip') return isAllowed;
    if (name === '*') wildcard = isAllowed;
  }
  return wildcard;
}
