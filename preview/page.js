// The page around the element: what it adds is the sample, and room to miss.

import '../dist/preview/index.js'

const preview = document.querySelector('attachments-preview')

document.querySelector('#sample').addEventListener('click', async () => {
  const sample = async (name) => (await fetch(new URL(`sample/${name}`, import.meta.url))).blob()
  const { jobStorageProfile, localStorageProfile, manifests } = JSON.parse(
    await (await sample('job.json')).text(),
  )
  preview.jobStorageProfile = jobStorageProfile
  preview.localStorageProfile = localStorageProfile
  await preview.add(
    await Promise.all(
      manifests.map(async ({ file, ...about }) => ({ name: file, data: await sample(file), ...about })),
    ),
  )
})

// Dropped beside the element, a file would take the place of the page.
for (const type of ['dragover', 'drop']) {
  window.addEventListener(type, (event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    event.dataTransfer.dropEffect = 'none'
  })
}
