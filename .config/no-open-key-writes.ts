import type { Rule } from "eslint";
import ts from "typescript";

/** What the parser of typescript-eslint tells rules. */
interface Services {
  readonly program: ts.Program;
  readonly esTreeNodeToTSNodeMap: { get(node: unknown): ts.Node };
}

const anyText = ts.TypeFlags.String | ts.TypeFlags.Any | ts.TypeFlags.Unknown;

/** Reports `object[key] = value` and `delete object[key]` where the type of the key allows any text, and so `__proto__`. */
export const noOpenKeyWrites: Rule.RuleModule = {
  meta: {
    type: "problem",
    schema: [],
    messages: { open: "This name can be any text, and so __proto__. Use a Map, or say why it cannot." },
  },
  create(context) {
    const { program, esTreeNodeToTSNodeMap } = context.sourceCode.parserServices as unknown as Services;
    const checker = program.getTypeChecker();
    const check = (node: Rule.Node): void => {
      if (node.type !== "MemberExpression") return;
      const key = checker.getTypeAtLocation(esTreeNodeToTSNodeMap.get(node.property));
      const types = key.isUnion() ? key.types : [key];
      // A text with a mark of its own, as some types have it, is any text as well.
      const parts = types.flatMap((each) => (each.isIntersection() ? each.types : [each]));
      if (parts.some(({ flags }) => (flags & anyText) !== 0)) context.report({ node, messageId: "open" });
    };
    return {
      "AssignmentExpression > MemberExpression.left[computed=true]": check,
      "UpdateExpression > MemberExpression[computed=true]": check,
      "UnaryExpression[operator='delete'] > MemberExpression[computed=true]": check,
    };
  },
};
