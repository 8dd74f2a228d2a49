// Reads workflow and action files as GitHub does, and prints what it has to say against them. Run in a folder that has
// @actions/workflow-parser in node_modules: node check_workflows.mjs FILE...
import {readFileSync} from "node:fs";
import {register} from "node:module";
import {basename, join} from "node:path";
import {pathToFileURL} from "node:url";

// The package imports JSON without saying so, which node refuses.
const hook = `export async function resolve(name, context, next) {
  const found = await next(name, context);
  return found.url.endsWith(".json") ? {...found, importAttributes: {type: "json"}} : found;
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const load = name => import(pathToFileURL(join(process.cwd(), "node_modules/@actions/workflow-parser/dist", name)));
const {parseWorkflow, convertWorkflowTemplate} = await load("index.js");
const {parseAction} = await load("actions/action-parser.js");
const {NoOperationTraceWriter} = await load("templates/trace-writer.js");

const report = {};
for (const path of process.argv.slice(2)) {
  const file = {name: basename(path), content: readFileSync(path, "utf8")};
  const isAction = file.name === "action.yml";
  const result = (isAction ? parseAction : parseWorkflow)(file, new NoOperationTraceWriter());
  const errors = result.context.errors.getErrors().map(error => error.message);
  let jobs = 0;
  if (!isAction && errors.length === 0) {
    const template = await convertWorkflowTemplate(result.context, result.value);
    errors.push(...(template.errors ?? []).map(error => error.Message));
    jobs = template.jobs.length;
  }
  report[file.name] = {errors, jobs};
}
console.log(JSON.stringify(report));
