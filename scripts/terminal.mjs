// What the demo writes to a terminal.

/** A number of bytes for people. */
export function bytes(n) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(Math.floor(Math.log10(Math.max(n, 1)) / 3), units.length - 1)
  return `${(n / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** A bar that fills on a terminal; elsewhere one line for each phase. */
export function progressBar(stream) {
  let shown = ''
  const line = ({ phase, filesDone, filesTotal, bytesDone, bytesTotal, bytesPerSecond, secondsLeft }) => {
    if (phase !== 'downloading') return `${phase} …`
    const width = 30
    const full = Math.round(width * (bytesTotal > 0 ? bytesDone / bytesTotal : 1))
    const left = secondsLeft !== null && filesDone < filesTotal ? `, ${Math.ceil(secondsLeft)} s left` : ''
    return (
      `${'█'.repeat(full)}${'░'.repeat(width - full)} ${filesDone}/${filesTotal} files, ` +
      `${bytes(bytesDone)} of ${bytes(bytesTotal)}, ${bytes(bytesPerSecond)}/s${left}`
    )
  }
  return {
    show(progress) {
      if (stream.isTTY) stream.write(`\r\x1b[2K${line(progress).slice(0, (stream.columns ?? 80) - 1)}`)
      else if (progress.phase !== shown) stream.write(`${progress.phase} …\n`)
      shown = progress.phase
    },
    end() {
      if (shown !== '') stream.write(stream.isTTY ? '\n\n' : '\n')
    },
  }
}
