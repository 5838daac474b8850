/** The page of a report, for people. */
export const REPORT_PAGE = 'geometry.html';
