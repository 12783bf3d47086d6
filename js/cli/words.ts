/** Numbers for people. */

/** `40.1 MB` */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  // What would round to 1000 of a unit is one of the next.
  const power = Math.min(Math.max(0, Math.floor(Math.log10(Math.max(n, 1) * 1.0005) / 3)), units.length - 1)
  return `${(n / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]!}`
}

/** `1 file`, `12,000 files` */
export function count(n: number, what: string): string {
  return `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`
}

/** `3.2 s`, `3 s`, `2 min 5 s`, `1 h 3 min` */
export function duration(seconds: number): string {
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** The time of day: `09:30:00` */
export function clock(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':')
}

/** `2025-05-01 09:30:00`, on this machine's clock. */
export function dateAndTime(milliseconds: number): string {
  const date = new Date(milliseconds)
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
  return `${day.map((n) => String(n).padStart(2, '0')).join('-')} ${clock(date)}`
}
