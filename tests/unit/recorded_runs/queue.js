// A queue of jobs: a job may be taken twice, and a result may be read before it is written.
const results = new Map()
const jobs = [3, 5, 8, 13]
const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3))

async function takeJob() {
  if (jobs.length === 0) return null
  await pause()
  return jobs.pop().toFixed(2)
}

async function readResult(id) {
  await pause()
  return results.get(id).total
}

async function writeResult(id) {
  await pause()
  results.set(id, { total: Math.random() * 100 })
}

async function main() {
  console.log(`${new Date().toISOString()} queue ${process.pid} token ${Math.random().toString(16).slice(2)}`)
  await Promise.all([takeJob(), takeJob(), takeJob(), Math.random() < 0.4 ? takeJob().then(takeJob) : takeJob()])
  const [, total] = await Promise.all([writeResult('r1'), Math.random() < 0.5 ? readResult('r1') : null])
  console.log(`total ${total}`)
}
main()
