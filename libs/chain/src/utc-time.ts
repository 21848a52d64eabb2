const UTC_TIME = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z$/;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS_IN_EVERY_MONTH = 28;

/** Is `text` a date-time of RFC 3339 §5.6 in UTC, written with `T` and `Z`? Leap seconds are not accepted. */
export function isUtcTime(text: string): boolean {
  if (!UTC_TIME.test(text)) return false;
  const day = Number(text.substring(8, 10));
  if (day <= DAYS_IN_EVERY_MONTH) return true;
  const year = Number(text.substring(0, 4));
  const month = Number(text.substring(5, 7));
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= MONTH_DAYS[month - 1]! + (leap ? 1 : 0);
}
