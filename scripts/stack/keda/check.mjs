// Checks every ScaledObject of a file of manifests against KEDA's schema, and the metadata of its
// triggers, which that schema takes as any strings, against the names that KEDA 2.22 documents.
//   node check.mjs MANIFESTS.json    (a JSON array)
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// The packages lie outside of the tree, where scripts/stack.sh has put them.
const require = createRequire(`${process.env.KEDA_PACKAGES}/`)
const { ScaledObject } = require('@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject')

// https://keda.sh/docs/2.22/scalers/temporal/, without what it calls deprecated.
const TEMPORAL = new Set([
  'endpoint', 'endpointFromEnv', 'namespace', 'taskQueue', 'queueTypes', 'targetQueueSize', 'activationTargetQueueSize',
  'workerDeploymentName', 'workerDeploymentBuildId', 'includeRunningWorkflowCount', 'workflowTaskQueueForCount',
  'minConnectTimeout', 'unsafeSsl', 'tlsServerName', 'enableTLS', 'apiKeyFromEnv',
])
const NEEDED = ['endpoint', 'taskQueue', 'queueTypes', 'targetQueueSize']
const QUEUE_TYPES = new Set(['workflow', 'activity'])

const manifests = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const deployments = new Map(manifests.filter((it) => it.kind === 'Deployment').map((it) => [it.metadata.name, it]))
const faults = []
const objects = manifests.filter((it) => it.kind === 'ScaledObject')
for (const object of objects) {
  const fault = (text) => faults.push(`${object.metadata.name}: ${text}`)
  try {
    new ScaledObject(object).validate()
  } catch (error) {
    fault(error.message)
    continue
  }
  const target = deployments.get(object.spec.scaleTargetRef.name)
  if (!target) fault(`scales ${object.spec.scaleTargetRef.name}, which is no Deployment`)
  else if (target.spec.replicas !== undefined) fault('its Deployment sets replicas too')
  for (const { type, metadata } of object.spec.triggers) {
    if (type !== 'temporal') fault(`trigger of type ${type}`)
    for (const name of Object.keys(metadata)) if (!TEMPORAL.has(name)) fault(`unknown metadata ${name}`)
    for (const name of NEEDED) if (!metadata[name]) fault(`no ${name}`)
    for (const kind of (metadata.queueTypes ?? '').split(',')) if (!QUEUE_TYPES.has(kind)) fault(`queueTypes ${kind}`)
    const served = target?.spec.template.spec.containers[0].env.find((it) => it.name === 'MILLRACE_QUEUES')?.value
    if (served !== metadata.taskQueue) fault(`watches ${metadata.taskQueue}, but its workers serve ${served}`)
  }
}
if (objects.length === 0) faults.push('no ScaledObject')
for (const fault of faults) console.error(`keda: ${fault}`)
process.exit(faults.length === 0 ? 0 : 1)
