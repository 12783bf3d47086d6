// The page around the element: all it adds is the sample.

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
