// What a page looks at of a plan: the same on both faces.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { coded, faces } from './support.mjs'

const rules = [
  { sourcePathFormat: 'posix', sourcePath: '/p', destinationPath: 'P:\\' },
  { sourcePathFormat: 'posix', sourcePath: '/never', destinationPath: 'N:\\' },
]

/** A plan with one file that is ready, one hazard and one without a place. */
function planOf(face) {
  const source = (rootPath, path, size) => ({
    manifest: face.createManifest({ files: [{ path, hash: 'a'.repeat(32), size, mtime: 1_000_000 - size }] }),
    applier: new face.PathMappingApplier(rules, 'windows'),
    rootPath,
    sourcePathFormat: 'posix',
    lastModified: 0,
    jobId: `job-${size}`,
  })
  const sources = [source('/p/a', 'shots/b.exr', 3), source('/p/a', 'shots/aux', 5), source('/q', 'c', 7)]
  return face.planDownload(sources, { destinationPathFormat: 'windows' })
}

for (const [name, face] of Object.entries(faces)) {
  test(`${name}: a view shows mapped and unmapped entries alike`, () => {
    const view = planOf(face).view()
    assert.deepEqual([view.entryCount, view.ownCount, view.totalSize], [3, 0, 15])
    const [unmapped, hazard, ready] = view.entries()
    assert.deepEqual(unmapped, {
      status: 'unmapped',
      path: 'c',
      sourcePath: '/q/c',
      localPath: null,
      rootPath: '/q',
      rule: null,
      size: 7,
      mtime: 999_993,
      jobId: 'job-7',
      reason: { code: 'NO_RULE_MATCHED', message: unmapped.reason.message },
    })
    assert.deepEqual([hazard.status, hazard.reason.code, hazard.rule], ['hazard', 'RESERVED_NAME', 0])
    assert.deepEqual(ready, {
      status: 'ready',
      path: 'shots/b.exr',
      sourcePath: '/p/a/shots/b.exr',
      localPath: 'P:\\a\\shots\\b.exr',
      rootPath: '/p/a',
      rule: 0,
      hash: 'a'.repeat(32),
      size: 3,
      mtime: 999_997,
      jobId: 'job-3',
    })
  })

  test(`${name}: a view is chosen, ordered, paged, and goes into folders`, () => {
    const plan = planOf(face)
    const paths = (options) =>
      plan
        .view(options)
        .entries(0, 2)
        .map(({ path }) => path)
    assert.deepEqual(paths({ search: 'SHOTS/', orderBy: 'size' }), ['shots/b.exr', 'shots/aux'])
    assert.deepEqual(paths({ status: 'unmapped' }), ['c'])
    assert.deepEqual(paths({ rule: 0, descending: true }), ['shots/b.exr', 'shots/aux'])
    assert.deepEqual(paths({ rootPath: '/q' }), ['c'])
    const view = plan.view({ orderBy: 'localPath' })
    const folder = { path: 'P:\\a\\shots', fileCount: 2, totalSize: 8, hazardCount: 1 }
    assert.deepEqual(view.folders(), [folder])
    const below = view.below('P:\\a\\shots')
    plan.free()
    view.free()
    assert.deepEqual([below.ownCount, below.entries(1, 1)[0].path], [2, 'shots/b.exr'])
    below.free()
    assert.throws(() => below.entries(), coded('INVALID_ARGUMENT', /PlanView has been freed/))
  })

  test(`${name}: totals say what each root and each rule has`, () => {
    const none = { hazardCount: 0, unmappedCount: 0 }
    assert.deepEqual(planOf(face).totals(), {
      roots: [
        { rootPath: '/p/a', fileCount: 2, totalSize: 8, ...none, hazardCount: 1 },
        { rootPath: '/q', fileCount: 0, totalSize: 0, ...none, unmappedCount: 1 },
      ],
      rules: [
        { ...rules[0], fileCount: 2, totalSize: 8 },
        { ...rules[1], fileCount: 0, totalSize: 0 },
      ],
    })
  })

  test(`${name}: a view refuses what it does not know`, () => {
    const plan = planOf(face)
    assert.throws(() => plan.view({ serach: 'x' }), coded('INVALID_ARGUMENT', /did you mean 'search'/))
    assert.throws(() => plan.view({ status: 'lost' }), coded('INVALID_ARGUMENT', /status must be/))
    assert.throws(() => new face.PlanView(), coded('INVALID_ARGUMENT', /cannot be constructed/))
  })
}
