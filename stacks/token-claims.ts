/**
 * Source of the function that completes Cognito's access tokens (trigger version 2): they name no tenant by themselves, and
 * no audience, which every verifier of ours demands. Cognito allows no audience but the client itself.
 */
export const claimsSource = `
exports.handler = async (event) => {
  event.response.claimsAndScopeOverrideDetails = {
    accessTokenGeneration: {
      claimsToAddOrOverride: {
        aud: event.callerContext.clientId,
        tenant: event.request.userAttributes["custom:tenant"],
      },
    },
  };
  return event;
};
`;
