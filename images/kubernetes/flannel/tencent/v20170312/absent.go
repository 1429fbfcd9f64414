// Package v20170312 stands in for Tencent's SDK, which the Go module proxy does not serve. Flannel's main
// imports all of its backends; this one then compiles, and says that it is not there if someone asks for it.
package v20170312

import "errors"

type (
	Client struct{}
	Filter struct {
		Name   *string
		Values []*string
	}
	Route struct {
		RouteId                                                 *uint64
		DestinationCidrBlock, GatewayId, GatewayType, RouteType *string
		Enabled                                                 *bool
	}
	RouteTable struct {
		RouteTableId *string
		RouteSet     []*Route
	}
	Request struct {
		RouteTableId *string
		Routes       []*Route
		Filters      []*Filter
	}
	Reply struct {
		Response *struct{ RouteTableSet []*RouteTable }
	}
)

var errAbsent = errors.New("flannel was built without the tencent-vpc backend: set another Backend.Type")

func NewDescribeRouteTablesRequest() *Request { return &Request{} }
func NewDeleteRoutesRequest() *Request        { return &Request{} }
func NewCreateRoutesRequest() *Request        { return &Request{} }

func NewClientWithSecretId(_, _, _ string) (Client, error)  { return Client{}, nil }
func (Client) DescribeRouteTables(*Request) (*Reply, error) { return nil, errAbsent }
func (Client) DeleteRoutes(*Request) (*Reply, error)        { return nil, errAbsent }
func (Client) CreateRoutes(*Request) (*Reply, error)        { return nil, errAbsent }
