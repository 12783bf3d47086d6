// The public names, over both faces: what they take, what they give, and how they refuse.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { runInNewContext } from 'node:vm'

import { Manifest } from '../../dist/handles.js'
import { coded, faces, root } from './support.mjs'

const hash = 'd5a2f1b0c3e4958671a2b3c4d5e6f708'
const file = (path, more) => ({ path, hash, size: 3, mtime: 1_700_000_000_123_456, ...more })
const rules = [
  { sourcePathFormat: 'windows', sourcePath: 'Z:\\Projects', destinationPath: '/mnt/projects' },
  { sourcePathFormat: 'windows', sourcePath: 'Z:\\Projects\\Show', destinationPath: '/fast/show' },
]
const profile = (osFamily, path) => ({
  storageProfileId: `sp-${osFamily}`,
  displayName: osFamily,
  osFamily,
  fileSystemLocations: [{ name: 'Projects', path, type: 'SHARED' }],
})
const location = { rootPrefix: 'my-task-outputs/a', farmId: 'farm-1', queueId: 'queue-1' }
const task = `${location.rootPrefix}/Manifests/farm-1/queue-1/job-1/step-1/task-1`
const folderOf = (timestamp, index) =>
  `${task}/${timestamp}_sessionaction-0123456789abcdef0123456789abcdef-${index}`

test('both faces export exactly what types.ts declares', () => {
  const types = ['types.ts', 'sync/types.ts'].map((name) => readFileSync(join(root, 'js', name), 'utf8'))
  const declared = [...types.join('').matchAll(/^export declare (?:class|function) (\w+)/gm)].map(
    (match) => match[1],
  )
  for (const face of Object.values(faces)) assert.deepEqual(Object.keys(face).sort(), declared.sort())
})

for (const [name, face] of Object.entries(faces)) {
  describe(`the ${name} face`, () => {
    const manifest = (...paths) => face.createManifest({ files: paths.map((path) => file(path)) })

    test('init may be called again', async () => {
      await face.init()
      await face.init()
    })

    test('a manifest tells its parts, and its rows come in pages', () => {
      const made = manifest('c', 'a', 'b')
      assert.deepEqual(
        [made.version, made.specificationVersion, made.hashAlg, made.totalSize, made.fileCount],
        ['2023-03-03', undefined, 'xxh128', 9, 3],
      )
      assert.match(made.manifestHash, /^[0-9a-f]{32}$/)
      const paths = (rows) => rows.map((row) => row.path)
      assert.deepEqual(paths(made.files()), ['c', 'a', 'b'])
      assert.deepEqual(paths(made.files(1)), ['a', 'b'])
      assert.deepEqual(paths(made.files(1, 1)), ['a'])
      assert.deepEqual(paths(made.files(7, 1)), [])
      assert.deepEqual(made.files(0, 1), [file('c', { runnable: false, deleted: false })])
      assert.deepEqual(made.dirs(), [])
      assert.equal(face.decodeManifest(made.encode()).manifestHash, made.manifestHash)
    })

    test('a manifest is read from text and from bytes, also in the middle of a buffer', () => {
      const text = manifest('naïve/東京').encode()
      const padded = new TextEncoder().encode(`  ${text}`)
      assert.equal(face.decodeManifest(text).encode(), text)
      assert.equal(face.decodeManifest(padded.subarray(2)).encode(), text)
    })

    test('what is no manifest is refused', () => {
      assert.throws(() => face.decodeManifest('nonsense'), coded('INVALID_MANIFEST'))
      assert.throws(
        () => face.decodeManifest('{"manifestVersion":"2030-01-01"}'),
        coded('UNSUPPORTED_MANIFEST_VERSION', /2030-01-01/),
      )
      assert.throws(() => face.decodeManifest(3), coded('INVALID_ARGUMENT', /string or a Uint8Array/))
    })

    test('an integer beyond 2^53 is an error, never rounded', () => {
      const unsafe = 2 ** 53
      assert.throws(
        () => face.createManifest({ files: [file('a', { size: unsafe })] }),
        coded('INVALID_ARGUMENT'),
      )
      const text = manifest('a').encode().replaceAll(':3', ':9007199254740993')
      assert.throws(
        () => face.decodeManifest(text).files(),
        coded('INVALID_MANIFEST', /2\^53|9007199254740993/),
      )
      assert.throws(
        () => face.mergeManifestsChronologically([{ manifest: manifest('a'), lastModified: 1.5 }]),
        coded('INVALID_ARGUMENT', /list\[0\]\.lastModified/),
      )
    })

    test('a lone surrogate in an argument becomes U+FFFD', () => {
      assert.equal(face.joinPath('/a', 'b\ud800', 'posix'), '/a/b\ufffd')
      assert.deepEqual(new face.PathMappingApplier(rules, 'posix').transformAll(['Z:\\Projects\\\udc00']), [
        '/mnt/projects/\ufffd',
      ])
    })

    test('manifests merge in time, and none merge to null', () => {
      assert.equal(face.mergeManifestsChronologically([]), null)
      const newer = face.createManifest({ files: [file('a', { size: 5 })] })
      const merged = face.mergeManifestsChronologically([
        { manifest: newer, lastModified: 2 },
        { manifest: manifest('a', 'b'), lastModified: 1 },
      ])
      assert.deepEqual(
        merged.files().map(({ path, size }) => [path, size]),
        [
          ['a', 5],
          ['b', 3],
        ],
      )
    })

    test('paths are mapped by the longest source', () => {
      const applier = new face.PathMappingApplier(rules, 'posix')
      assert.equal(applier.sourcePathFormat, 'windows')
      assert.equal(applier.transform('z:/projects/Show/a.png'), '/fast/show/a.png')
      assert.equal(applier.strictTransform('Z:\\Projects\\Other'), '/mnt/projects/Other')
      assert.equal(applier.transform('D:\\x'), null)
      assert.deepEqual(applier.transformAll(['Z:\\Projects', 'D:\\x']), ['/mnt/projects', null])
      assert.throws(() => applier.strictTransform('D:\\x'), coded('NO_RULE_MATCHED', /D:\\x/))
      assert.equal(new face.PathMappingApplier([], 'posix').sourcePathFormat, null)
      const mixed = [rules[0], { ...rules[1], sourcePathFormat: 'posix' }]
      assert.throws(() => new face.PathMappingApplier(mixed, 'posix'), coded('INCONSISTENT_SOURCE_FORMATS'))
    })

    test('storage profiles give rules, whatever else the service answered with them', () => {
      const answered = { ...profile('WINDOWS', 'Z:\\Projects'), createdAt: new Date(), $metadata: {} }
      assert.deepEqual(face.generatePathMappingRules(answered, profile('LINUX', '/mnt/projects')), [rules[0]])
    })

    test('a manifest is resolved and planned, and what has no place is named', () => {
      const applier = new face.PathMappingApplier(rules, 'posix')
      const made = manifest('a/1.png', 'a/2.png', '../../../out')
      const resolved = face.resolveManifestPaths(made, 'Z:\\Projects\\Show', 'windows', applier)
      assert.deepEqual([resolved.resolvedCount, resolved.unmappedCount, resolved.totalSize], [2, 1, 6])
      assert.equal(resolved.resolved(1)[0].localPath, '/fast/show/a/2.png')
      assert.equal(resolved.unmapped()[0].reason.code, 'PATH_OUTSIDE_ROOT')

      const source = { manifest: made, rootPath: 'Z:\\Projects\\Show', sourcePathFormat: 'windows', applier }
      const plan = face.planDownload(
        [
          { ...source, lastModified: 1, jobId: 'job-1' },
          { ...source, applier: null, lastModified: 2 },
        ],
        { destinationPathFormat: 'posix', include: ['*1.png'] },
      )
      assert.deepEqual([plan.fileCount, plan.totalSize, plan.objectCount], [1, 3, 1])
      assert.deepEqual([plan.files()[0].localPath, plan.files()[0].jobId], ['/fast/show/a/1.png', 'job-1'])
      assert.ok(plan.unmappedCount > 0 && plan.unmapped(0, 1).length === 1)
    })

    test('a plan warns of names that the destination cannot hold', () => {
      const source = {
        manifest: manifest('con.txt', 'A', 'a'),
        rootPath: 'C:\\x',
        sourcePathFormat: 'windows',
      }
      const plan = face.planDownload([{ ...source, lastModified: 1 }], { destinationPathFormat: 'windows' })
      assert.equal(plan.hazardCount, plan.hazards().length)
      assert.ok(plan.hazards().some(({ code }) => code === 'RESERVED_NAME'))
    })

    test('keys are built, parsed and selected below a prefix that looks like a task', () => {
      const [older, newer] = [
        folderOf('2025-05-01T00:00:00.000000Z', 1),
        folderOf('2025-05-02T00:00:00.000000Z', 2),
      ]
      const rootHash = face.rootPathHash('Z:\\Projects', 'Projects')
      const keys = [`${older}/${rootHash}_output`, `${newer}/${rootHash}_output`]
      assert.equal(
        face.outputManifestPrefix(location, { jobId: 'job-1', stepId: 'step-1', taskId: 'task-1' }),
        `${task}/`,
      )
      assert.deepEqual(face.parseOutputManifestKey(keys[1], location.rootPrefix), {
        farmId: 'farm-1',
        queueId: 'queue-1',
        jobId: 'job-1',
        stepId: 'step-1',
        taskId: 'task-1',
        timestamp: '2025-05-02T00:00:00.000000Z',
        sessionActionId: 'sessionaction-0123456789abcdef0123456789abcdef-2',
        rootPathHash: rootHash,
      })
      assert.equal(face.parseOutputManifestKey('Data/x.xxh128'), null)
      const latest = { selectLatestPerTask: true, rootPrefix: location.rootPrefix }
      assert.deepEqual(face.filterOutputManifestKeys(keys, latest), [keys[1]])
      const dated = [
        { key: keys[0], lastModified: 5 },
        { key: keys[1], lastModified: 4 },
      ]
      assert.deepEqual(face.filterOutputManifestKeys(dated, latest), [keys[0]])
      const id = face.extractSessionActionId(keys[0])
      assert.equal(face.extractSessionActionId('nothing'), null)
      assert.deepEqual(face.filterManifestsBySessionActions(keys, [id]), [keys[0]])
      const roots = [{ rootPath: '/other' }, { rootPath: 'Z:\\Projects', fileSystemLocationName: 'Projects' }]
      assert.deepEqual(face.matchManifestsToRoots([keys[0]], roots), { [id]: [null, keys[0]] })
    })

    test('metadata names the asset root, or null', () => {
      assert.equal(face.assetRootFromMetadata({ 'asset-root': '/a' }), '/a')
      assert.equal(face.assetRootFromMetadata({ 'asset-root-json': '"/na\\u00efve"' }), '/naïve')
      assert.equal(face.assetRootFromMetadata({}), null)
    })

    test('include filters cross slashes', () => {
      assert.equal(face.matchesIncludeFilters('/a/b/c.png', ['*.png']), true)
      assert.equal(face.matchesIncludeFilters('/a/b/c.png', ['*.exr']), false)
    })

    test('an unknown option is refused with the nearest known one', () => {
      assert.throws(
        () => face.planDownload([], { destinationPathFormat: 'posix', caseinsensitive: true }),
        coded('INVALID_ARGUMENT', /'caseinsensitive'.*'caseInsensitive'/),
      )
    })

    test('a wrong argument is refused by name, without repeating it', () => {
      assert.throws(
        () => face.joinPath('/a', 3, 'posix'),
        coded('INVALID_ARGUMENT', /^path must be a string/),
      )
      assert.throws(
        () => face.joinPath('/a', 'b', 'linux'),
        coded('INVALID_ARGUMENT', /'windows' or 'posix'/),
      )
      assert.throws(() => face.createManifest({}), coded('INVALID_ARGUMENT', /^files is missing/))
      assert.throws(
        () => face.planDownload([{ rootPath: '/a' }], { destinationPathFormat: 'posix' }),
        coded('INVALID_ARGUMENT', /sources\[0\]/),
      )
      assert.throws(
        () => face.resolveManifestPaths({}, '/a', 'posix'),
        coded('INVALID_ARGUMENT', /manifest must be/),
      )
      assert.throws(() => new face.Manifest(), coded('INVALID_ARGUMENT', /cannot be constructed/))
    })

    test('a list with a hole is refused, and no error of the binding leaks', () => {
      const holed = [, 'a']
      const refused = coded('INVALID_ARGUMENT', /\[0\] is missing/)
      assert.throws(() => face.filterManifestsBySessionActions(holed, ['x']), refused)
      assert.throws(() => face.matchesIncludeFilters('a', holed), refused)
      assert.throws(() => face.matchManifestsToRoots(holed, []), refused)
      assert.throws(
        () => face.filterOutputManifestKeys(holed, { selectLatestPerTask: true }),
        coded('INVALID_ARGUMENT', /objects\[0\]/),
      )
    })

    test('what is missing as a whole is named', () => {
      assert.throws(() => face.planDownload([]), coded('INVALID_ARGUMENT', /^options is missing/))
      assert.throws(() => face.createManifest(), coded('INVALID_ARGUMENT', /^manifest is missing/))
    })

    test('a refused choice is not repeated: it may be a secret in the wrong place', () => {
      assert.throws(
        () => face.joinPath('/a', 'b', 'hush'),
        (error) => coded('INVALID_ARGUMENT')(error) && !/hush/.test(error.message),
      )
    })

    test('bytes of another realm are bytes, and what only looks like a manifest is none', () => {
      const text = manifest('a').encode()
      const foreign = runInNewContext('Uint8Array.from(bytes)', {
        bytes: [...new TextEncoder().encode(text)],
      })
      assert.ok(!(foreign instanceof Uint8Array))
      assert.equal(face.decodeManifest(foreign).encode(), text)
      assert.throws(
        () => face.decodeManifest(new Uint16Array(2)),
        coded('INVALID_ARGUMENT', /string or a Uint8Array/),
      )
      const hollow = Object.create(face.Manifest.prototype)
      assert.throws(
        () => face.resolveManifestPaths(hollow, '/a', 'posix'),
        coded('INVALID_ARGUMENT', /manifest must be a Manifest/),
      )
    })

    test('a storage profile needs no locations and no name', () => {
      const bare = { storageProfileId: 'sp-1', osFamily: 'LINUX', fileSystemLocations: undefined }
      assert.deepEqual(face.generatePathMappingRules(bare, bare), [])
    })

    test('more rows than cross at once come whole and in order', () => {
      const count = 120_001
      const paths = Array.from({ length: count }, (_, index) => `${index}`)
      const made = manifest(...paths)
      assert.deepEqual(
        made.files().map(({ path }) => path),
        paths,
      )
      assert.deepEqual(
        made.files(49_999, 50_002).map(({ path }) => path),
        paths.slice(49_999, 100_001),
      )
      const windows = paths.map((path) => `Z:\\Projects\\${path}`)
      const mapped = new face.PathMappingApplier(rules, 'posix').transformAll(windows)
      assert.deepEqual([mapped.length, mapped.at(-1)], [count, `/mnt/projects/${count - 1}`])
    })

    test('a handle can be freed, twice, and not used after', () => {
      const freed = manifest('a')
      freed.free()
      freed[Symbol.dispose]()
      assert.throws(() => freed.files(), coded('INVALID_ARGUMENT', /freed/))
      assert.throws(() => face.resolveManifestPaths(freed, '/a', 'posix'), coded('INVALID_ARGUMENT', /freed/))
    })

    test('a result outlives the manifest that it came from', () => {
      const made = manifest('a')
      const resolved = face.resolveManifestPaths(made, '/r', 'posix')
      made.free()
      assert.equal(resolved.resolved()[0].localPath, '/r/a')
    })

    test('an error is an Error, and plain data where it must cross', () => {
      try {
        face.decodeManifest('{')
        assert.fail()
      } catch (error) {
        assert.ok(error instanceof face.AttachmentsError && error instanceof Error)
        const { name: errorName, code, message, details } = structuredClone(error.toJSON())
        assert.deepEqual(
          [errorName, code, typeof message, typeof details],
          ['AttachmentsError', 'INVALID_MANIFEST', 'string', 'object'],
        )
      }
    })
  })
}

test('at most 50,000 rows cross at once: more could be longer than a string can be', () => {
  const asked = []
  const backend = { name: 'native', pack: JSON.stringify, unpack: JSON.parse }
  const held = {
    fileCount: 120_000,
    files(offset, limit) {
      asked.push([offset, limit])
      return '[]'
    },
    encode() {
      throw new Error('Failed to convert rust `String` into napi `string`')
    },
  }
  const made = new Manifest(backend, held)
  made.files()
  assert.deepEqual(asked, [
    [0, 50_000],
    [50_000, 50_000],
    [100_000, 20_000],
  ])
  assert.throws(() => made.encode(), coded('INVALID_MANIFEST', /too large/))
})

test('a handle stays in its face', () => {
  const foreign = faces.native.createManifest({ files: [file('a')] })
  assert.throws(
    () => faces.wasm.resolveManifestPaths(foreign, '/a', 'posix'),
    coded('INVALID_ARGUMENT', /native face.*wasm face/),
  )
})

test('what needs the network rejects in WebAssembly', async () => {
  const { downloadJobOutputs, DownloadOrchestrator } = faces.wasm
  await assert.rejects(downloadJobOutputs({}), coded('NATIVE_UNAVAILABLE'))
  await assert.rejects(new DownloadOrchestrator({}).downloadManifest('k'), coded('NATIVE_UNAVAILABLE'))
})
