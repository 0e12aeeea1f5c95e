// Reads a JSON list of queries from stdin; Microsoft's own parser, bound to Resource Graph's tables, judges each.
// Writes a JSON list of {diagnostics, shape}: what is wrong, and the tokens with every literal blanked.
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { KustoCode, GlobalState, Symbols } = globalThis.Kusto.Language;
const { List$1 } = globalThis.System.Collections.Generic;
const { Bridge } = globalThis;

const COLUMNS =
  "(id: string, name: string, type: string, tenantId: string, location: string, resourceGroup: string, " +
  "subscriptionId: string, tags: dynamic, properties: dynamic)";
const TABLES = ["resources", "patchinstallationresources", "patchassessmentresources"];

function globals() {
  const tables = new (List$1(Symbols.Symbol).ctor)();
  for (const name of TABLES) tables.add(new Symbols.TableSymbol.$ctor7(name, COLUMNS, null));
  const database = new Symbols.DatabaseSymbol.$ctor3("graph", null, tables, false);
  return GlobalState.Default.WithDatabase(database);
}

function judge(query, tables) {
  const code = KustoCode.ParseAndAnalyze(query, tables);
  return {
    diagnostics: Bridge.toArray(code.GetDiagnostics()).map((found) => `${found.Code}: ${found.Message}`),
    shape: Bridge.toArray(code.GetLexicalTokens()).map(({ Text: text }) => (/^["'@h]/.test(text) ? "''" : text)),
  };
}

const tables = globals();
let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (part) => (input += part));
process.stdin.on("end", () => {
  process.stdout.write(JSON.stringify(JSON.parse(input).map((query) => judge(query, tables))));
});
