// The reference's answers, asked through the public names of both faces. crates/core asks the core itself.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { faces, root } from './support.mjs'

const cases = (name) => JSON.parse(readFileSync(join(root, 'tests/vectors', `${name}.json`), 'utf8')).cases

for (const [name, face] of Object.entries(faces)) {
  test(`${name}: paths are mapped as the reference maps them`, () => {
    for (const { rules, destinationPathFormat, transform } of cases('path-mapping')) {
      const applier = new face.PathMappingApplier(rules, destinationPathFormat)
      const [paths, mapped] = [0, 1].map((column) => transform.map((pair) => pair[column]))
      assert.deepEqual(applier.transformAll(paths), mapped)
    }
  })

  test(`${name}: paths are joined as the reference joins them`, () => {
    for (const { root, path, format, joined } of cases('join-normalize')) {
      assert.equal(face.joinPath(root, path, format), joined)
    }
  })

  test(`${name}: storage profiles give the reference's rules`, () => {
    for (const { source, destination, rules } of cases('storage-profile-rules')) {
      assert.deepEqual(face.generatePathMappingRules(source, destination), rules)
    }
  })

  test(`${name}: manifests are written as the reference writes them`, () => {
    for (const { paths, totalSize, encoded, manifestHash } of cases('manifest-encode')) {
      const manifest = face.createManifest({ files: paths, totalSize })
      assert.equal(manifest.encode(), encoded)
      assert.equal(manifest.manifestHash, manifestHash)
    }
  })

  test(`${name}: manifests merge as the reference merges them`, () => {
    for (const { manifests, merged } of cases('merge')) {
      const list = manifests.map(({ manifest, lastModified }) => ({
        manifest: face.decodeManifest(manifest),
        lastModified,
      }))
      assert.equal(face.mergeManifestsChronologically(list).encode(), merged)
    }
  })

  test(`${name}: the draft format is read and written as the reference does`, () => {
    for (const { encoded, totalSize } of cases('manifest-v2025-12')) {
      const manifest = face.decodeManifest(encoded)
      assert.equal(manifest.encode(), encoded)
      assert.equal(manifest.totalSize, totalSize)
    }
  })

  test(`${name}: output manifests are found as the reference finds them`, () => {
    for (const { keys, all, selectLatestPerTask } of cases('output-manifest-keys')) {
      const select = (latest) => face.filterOutputManifestKeys(keys, { selectLatestPerTask: latest }).sort()
      assert.deepEqual(select(false), [...all].sort())
      assert.deepEqual(select(true), [...selectLatestPerTask].sort())
    }
  })

  test(`${name}: filters match as the reference matches them`, () => {
    for (const { path, filters, matches } of cases('include-filters')) {
      assert.equal(face.matchesIncludeFilters(path, filters), matches)
    }
  })

  test(`${name}: documents are accepted as the reference accepts them`, () => {
    for (const { document, accepted } of cases('manifest-decode')) {
      // An integer written 3.0 and a leading byte order mark may go either way.
      if (document.startsWith('\ufeff') || /:\s*3\.0\b/.test(document)) continue
      if (accepted) face.decodeManifest(document)
      else {
        const refused = ({ code }) => ['INVALID_MANIFEST', 'UNSUPPORTED_MANIFEST_VERSION'].includes(code)
        assert.throws(() => face.decodeManifest(document), refused, document)
      }
    }
  })

  test(`${name}: keys name session actions, roots and metadata as the reference reads them`, () => {
    for (const { sessionActionIds } of cases('output-manifest-keys')) {
      for (const [key, id] of Object.entries(sessionActionIds))
        assert.equal(face.extractSessionActionId(key), id)
    }
    for (const { rootPath, fileSystemLocationName, hash } of cases('root-path-hash')) {
      assert.equal(face.rootPathHash(rootPath, fileSystemLocationName ?? undefined), hash)
    }
    for (const { metadata, assetRoot } of cases('asset-root-metadata')) {
      assert.equal(face.assetRootFromMetadata(metadata), assetRoot)
    }
  })
}
